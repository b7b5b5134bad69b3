#!/usr/bin/env bash
# The whole pipeline, 01 to 06: from reviews to a report and an explorer.
set -euo pipefail

usage() {
  cat <<'END'
usage: bash run_all.sh [--csv PATH]... [--data-dir data] [--rows N] [--kaggle] [--quick] [--workers N] [--ranks N] [--seed N] [--scheduler ADDRESS]

  --csv PATH           a review export (CSV or CSV.gz); repeat it for several
                       (default: data/raw/*.csv; without any, reviews are made)
  --data-dir DIR       folder for all results (default: data)
  --rows N             make N reviews instead (default: 100000)
  --kaggle             download the Kaggle set of 1.5 million reviews instead
  --quick              a first look in under a minute: 5000 reviews, small searches
  --workers N          Dask and joblib workers (default: one per core)
  --ranks N            ranks for DDP and FSDP (default: 2)
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
load=(python 01_load.py) cpu=(--compare --profile) every=(--seed 42) data_dir=data ranks=2 quick=no
while [ $# -gt 0 ]; do
  case $1 in
    --quick) every+=(--quick) quick=yes; shift; continue ;;
    --kaggle) load+=(--kaggle); shift; continue ;;
    -h | --help) usage; exit 0 ;;
    --csv | --rows | --data-dir | --ranks | --seed | --workers | --scheduler) ;;
    *) echo "run_all.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
  esac
  [ $# -ge 2 ] || { echo "run_all.sh: $1 needs a value" >&2; exit 2; }
  case $1 in
    --csv) load+=(--csv "$(from_caller "$2")") ;;
    --rows) load+=(--rows "$2") ;;
    --data-dir) data_dir=$(from_caller "$2") ;;
    --ranks) ranks=$2 ;;
    --seed) every+=(--seed "$2") ;;
    *) cpu+=("$1" "$2") ;;
  esac
  shift 2
done
every+=(--data-dir "$data_dir")

. common/environment.sh
use_environment requirements.txt

step() {
  printf '\n== %s (%d s so far)\n' "$*" "$SECONDS"
  "$@"
}
SECONDS=0
step "${load[@]}" "${every[@]}" "${cpu[@]}"
for script in 02_eda.py 03_features.py 04_cpu_models.py; do
  step python $script "${every[@]}" "${cpu[@]}"
done
step python 05_gpu_train.py "${every[@]}"
if [ $quick = no ]; then  # what one of the ranks below would do alone
  step python 05_gpu_train.py --threads "$(python -c "from common.cli import cores; print(max(1, cores() // $ranks))")" "${every[@]}"
fi
for strategy in ddp fsdp; do
  step env OMP_NUM_THREADS=1 torchrun --standalone --nproc-per-node "$ranks" 05_gpu_train.py --strategy $strategy "${every[@]}"
done
step python 06_report.py --data-dir "$data_dir"
printf '\nDone in %d s.\nReport:    %s\nExplorer:  ' "$SECONDS" "$data_dir/report/index.html"
[ "${VIRTUAL_ENV}" != "$PWD/.venv" ] || printf '.venv/bin/'
printf 'streamlit run app.py -- --data-dir %q\n' "$data_dir"
