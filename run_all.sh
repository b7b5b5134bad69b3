#!/usr/bin/env bash
# The whole pipeline, 01 to 06: from reviews to a report and an explorer.
set -euo pipefail

usage() {
  cat <<'END'
usage: bash run_all.sh [--csv PATH]... [--data-dir data] [--rows N] [--kaggle] [--quick] [--workers N] [--ranks N] [--seed N] [--scheduler ADDRESS] [--scaling]

  --csv PATH           a review export in any form (docs/formats.md); repeat it for
                       several (default: data/raw/*; without any, synthetic reviews)
  --columns WHAT=NAME,...  --dates day-first|month-first  --encoding NAME  --max-loss SHARE
                       what a file does not tell itself: see 01_load.py --help
  --data-dir DIR       folder for all results (default: data)
  --rows N             N synthetic reviews instead (default: 100000)
  --kaggle             download the Kaggle set of 1.5 million reviews instead
  --quick              a first look in about a minute: 5000 reviews, small searches,
                       no profiles of 01 to 04
  --workers N          Dask and joblib workers (default: one per core)
  --ranks N            ranks for DDP and FSDP (default: 2)
  --scaling            also time DDP and FSDP on 1, 2 ... ranks up to the cores or
                       GPUs, three times each, and weigh a net of 62.9 million
                       parameters (two cores, 100000 reviews: some 6 minutes more)
  --seed N             seed of everything random (default: 42)
  --scheduler ADDRESS  use an existing Dask cluster
END
}

caller=$PWD
cd "$(dirname "$0")"
from_caller() {  # a path that the caller gave, seen from here
  case $1 in
    /*) echo "$1" ;;
    *) if [ "$caller" = "$PWD" ]; then echo "$1"; else echo "$caller/$1"; fi ;;
  esac
}
# No array stays empty: bash before 4.4 takes an empty one for an unset variable.
load=(python 01_load.py) cpu=(--compare) every=(--seed 42) data_dir=data ranks=2 quick=no scaling=no
while [ $# -gt 0 ]; do
  case $1 in
    --quick) every+=(--quick) quick=yes; shift; continue ;;
    --scaling) scaling=yes; shift; continue ;;
    --kaggle) load+=(--kaggle); shift; continue ;;
    -h | --help) usage; exit 0 ;;
    --csv | --rows | --data-dir | --ranks | --seed | --workers | --scheduler) ;;
    --columns | --dates | --encoding | --max-loss) ;;
    *) echo "run_all.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
  esac
  [ $# -ge 2 ] || { echo "run_all.sh: $1 needs a value" >&2; exit 2; }
  case $1 in
    --csv) load+=(--csv "$(from_caller "$2")") ;;
    --rows | --columns | --dates | --encoding | --max-loss) load+=("$1" "$2") ;;
    --data-dir) data_dir=$(from_caller "$2") ;;
    --ranks) ranks=$2 ;;
    --seed) every+=(--seed "$2") ;;
    *) cpu+=("$1" "$2") ;;
  esac
  shift 2
done
every+=(--data-dir "$data_dir")
if [ $quick = no ]; then cpu+=(--profile); fi

. common/environment.sh
use_environment requirements.txt

step() {
  printf '\n== %s (%d s so far)\n' "$*" "$SECONDS"
  "$@"
}
refused=no
try() {  # a step that may refuse, with status 2, what the report and the explorer can show
  local status=0
  step "$@" || status=$?
  case $status in 0) ;; 2) refused=yes ;; *) exit $status ;; esac
}
SECONDS=0
step "${load[@]}" "${every[@]}" "${cpu[@]}"
step python 02_eda.py "${every[@]}" "${cpu[@]}"
for script in 03_features.py 04_cpu_models.py; do
  try python $script "${every[@]}" "${cpu[@]}"
done
cores=$(python -c "from joblib import cpu_count; print(cpu_count())")
torchrun() {  # ranks, then 05's arguments
  step env OMP_NUM_THREADS=1 torchrun --standalone --nproc-per-node "$1" 05_gpu_train.py "${@:2}" "${every[@]}"
}
if [ $quick = yes ]; then
  try python 05_gpu_train.py "${every[@]}"
else
  try python 05_gpu_train.py --compare "${every[@]}"
  # What one of the ranks below would do alone.
  [ $refused = yes ] || step python 05_gpu_train.py --threads $((cores > ranks ? cores / ranks : 1)) "${every[@]}"
fi
for strategy in ddp fsdp; do
  [ $refused = yes ] || torchrun "$ranks" --strategy $strategy
done
if [ $scaling = yes ] && [ $refused = no ]; then
  most=$(python -c "import torch; print(torch.cuda.device_count() or $cores)")
  for repeat in 1 2 3; do  # in turn, so that a busy minute of the machine does not fall on one of them alone
    for ((n = 1; n <= most; n *= 2)); do
      for threads in 1 $((cores / n > 1 ? cores / n : 0)); do
        [ $threads -gt 0 ] || continue
        if [ $n = 1 ]; then
          step python 05_gpu_train.py --threads $threads --repeat $repeat --epochs 4 "${every[@]}"
        else
          torchrun $n --strategy ddp --threads $threads --repeat $repeat --epochs 4
          torchrun $n --strategy fsdp --threads $threads --repeat $repeat --epochs 4
        fi
      done
    done
  done
  for n in 2 4; do
    for strategy in ddp fsdp; do
      torchrun $n --strategy $strategy --model wide --quick --batch 2048 --threads 1 --repeat 1
    done
  done
fi
step python 06_report.py --data-dir "$data_dir"
printf '\nDone in %d s.\nReport:    %s\nExplorer:  ' "$SECONDS" "$data_dir/report/index.html"
[ "${VIRTUAL_ENV}" != "$PWD/.venv" ] || printf '.venv/bin/'
printf 'streamlit run app.py -- --data-dir %q\n' "$data_dir"
if [ $refused = yes ]; then
  echo "No models: what refused, and why, stands above and in the report." >&2
  exit 2
fi
