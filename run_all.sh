#!/usr/bin/env bash
# The whole pipeline, 01 to 06: from reviews to a report and an explorer, then what it is compared with.
set -euo pipefail

usage() {
  cat <<'END'
usage: bash run_all.sh [--csv PATH]... [--data-dir data] [--rows N] [--kaggle] [--quick] [--no-compare] [--workers N] [--ranks N] [--seed N] [--scheduler ADDRESS] [--scaling]

Results come first: models, report and explorer stand before anything is compared; then the report
is written again, with the comparisons.

  --csv PATH           a review export in any form (docs/formats.md); repeat it for
                       several (default: data/raw/*; without any, synthetic reviews)
  --columns WHAT=NAME,...  --dates day-first|month-first  --encoding NAME  --max-loss SHARE
                       what a file does not tell itself: see 01_load.py --help
  --data-dir DIR       folder for all results (default: data)
  --rows N             N synthetic reviews instead (default: 100000)
  --kaggle             download the Kaggle set of 1.5 million reviews instead
  --quick              a first look in half a minute: 5000 reviews, small searches,
                       no profiles of 01 to 04
  --no-compare         end with the results: no other ways, no other ranks
  --workers N          Dask and joblib workers (default: one per core)
  --ranks N            ranks for DDP and FSDP (default: 2)
  --scaling            also run all on a 16th and on a quarter of the reviews, time
                       DDP and FSDP on 1, 2 ... ranks up to the cores or GPUs,
                       three times each, and weigh a net of 62.9 million
                       parameters (two cores, 100000 reviews: some 10 minutes more)
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
load=(python 01_load.py) others=(python -m common.baselines) every=(--seed 42) cpu=(--seed 42)
again=(--ranks 2)  # what runs on parts of the reviews are told, too
data_dir=data ranks=2 quick=no scaling=no compare=yes
while [ $# -gt 0 ]; do
  case $1 in
    --quick) every+=(--quick) again+=(--quick) quick=yes; shift; continue ;;
    --scaling) scaling=yes; shift; continue ;;
    --no-compare) compare=no; shift; continue ;;
    --kaggle) load+=(--kaggle); shift; continue ;;
    -h | --help) usage; exit 0 ;;
    --csv | --rows | --data-dir | --ranks | --seed | --workers | --scheduler) ;;
    --columns | --dates | --encoding | --max-loss) ;;
    *) echo "run_all.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
  esac
  [ $# -ge 2 ] || { echo "run_all.sh: $1 needs a value" >&2; exit 2; }
  case $1 in
    --csv) load+=(--csv "$(from_caller "$2")") ;;
    --rows | --max-loss) load+=("$1" "$2") ;;
    --columns | --dates | --encoding) load+=("$1" "$2") others+=("$1" "$2") ;;
    --data-dir) data_dir=$(from_caller "$2") ;;
    --ranks) ranks=$2 ;;
    --seed) every[1]=$2 ;;
    *) cpu+=("$1" "$2") ;;
  esac
  case $1 in --ranks | --seed | --workers | --scheduler) again+=("$1" "$2") ;; esac
  shift 2
done
[ $scaling = no ] || compare=yes
every+=(--data-dir "$data_dir")
cpu=("${every[@]}" "${cpu[@]:2}")  # with the flags of a cluster
others+=("${cpu[@]}")
if [ $quick = no ]; then cpu+=(--profile); fi

. common/environment.sh
use_environment requirements.txt

cores=$(python -c "from joblib import cpu_count; print(cpu_count())")
alone=$((cores > ranks ? cores / ranks : 1))  # threads of one rank among its like
steps=6 last=
if [ $compare = yes ]; then steps=9; fi
if [ $scaling = yes ]; then
  most=$(python -c "import torch; print(torch.cuda.device_count() or $cores)")
  for ((n = 1; n <= most; n *= 2)); do steps=$((steps + 3)); done
  steps=$((steps + 4))
fi

number=0
step() {
  local start=$SECONDS
  number=$((number + 1))
  printf '\n== step %d of %d%s: %s\n' "$number" "$steps" "$last" "$*"
  "$@" || return $?
  last=" (the last took $((SECONDS - start)) s, all $SECONDS s)"
}
refused=no
try() {  # a step that may refuse, with status 2, what the report and the explorer can show
  local status=0
  step "$@" || status=$?
  case $status in 0) ;; 2) refused=yes ;; *) exit $status ;; esac
}
torchrun() {  # ranks, then 05's arguments
  step env OMP_NUM_THREADS=1 torchrun --standalone --nproc-per-node "$1" 05_gpu_train.py "${@:2}" "${every[@]}"
}
report() {
  step python 06_report.py --data-dir "$data_dir"
  printf '\n%s in %d s.\nReport:    %s\nExplorer:  ' "$1" "$SECONDS" "$data_dir/report/index.html"
  [ "${VIRTUAL_ENV}" != "$PWD/.venv" ] || printf '.venv/bin/'
  printf 'streamlit run app.py -- --data-dir %q\n' "$data_dir"
}

SECONDS=0
step "${load[@]}" "${cpu[@]}"
step python 02_eda.py "${cpu[@]}"
for script in 03_features.py 04_cpu_models.py; do
  try python $script "${cpu[@]}"
done
try python 05_gpu_train.py "${every[@]}"
report "Results"

if [ $compare = yes ]; then
  step "${others[@]}" --threads $alone
  [ $refused = yes ] || torchrun "$ranks" --strategy ddp fsdp
  if [ $scaling = yes ] && [ $refused = no ]; then
    for repeat in 1 2 3; do  # in turn, so that a busy minute of the machine does not fall on one of them alone
      for ((n = 1; n <= most; n *= 2)); do
        measured=(--repeat $repeat --epochs 4 --threads 1)
        [ $((cores / n)) -le 1 ] || measured+=($((cores / n)))
        if [ $n = 1 ]; then
          step python 05_gpu_train.py "${measured[@]}" "${every[@]}"
        else
          torchrun $n --strategy ddp fsdp fsdp_reshard "${measured[@]}"
        fi
      done
    done
    for part in 16 4; do
      read -r flag value < <(python -m common.baselines.parts --data-dir "$data_dir" --part $part)
      # Status 2: too few reviews for models, which its own report says.
      step bash run_all.sh $flag "$value" --data-dir "$data_dir/scaling/$part" "${again[@]}" || [ $? = 2 ]
    done
    for n in 2 4; do
      torchrun $n --strategy ddp fsdp --model wide --quick --batch 2048 --threads 1 --repeat 1
    done
  fi
  report "All"
fi
if [ $refused = yes ]; then
  echo "No models: what refused, and why, stands above and in the report." >&2
  exit 2
fi
