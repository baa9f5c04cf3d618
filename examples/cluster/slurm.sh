#!/bin/bash
# The pipeline on a SLURM allocation: sbatch examples/cluster/slurm.sh, in the project's folder, which
# all nodes see. Each node starts Ray; the first one also runs the pipeline, and Ray ends with it.
# Every argument is an override, as in: sbatch examples/cluster/slurm.sh experiment=smoke
#SBATCH --job-name=semdim
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --gpus-per-node=8          # none: take this line out, and set GPUS=0
#SBATCH --time=12:00:00
#SBATCH --output=slurm-%j.out
set -euo pipefail

ENVIRONMENT=${ENVIRONMENT:-.venv}  # folder of the virtual environment, seen by all nodes
GPUS=${GPUS:-${SLURM_GPUS_ON_NODE:-0}}
CPUS=${CPUS:-$SLURM_CPUS_ON_NODE}
source "$ENVIRONMENT/bin/activate"
export HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1
# Ray's nodes and the driver show each other a token, which lies in the home folder that all see.
export RAY_AUTH_MODE=token
ray get-auth-token --generate > /dev/null
# A login node may build the cluster for longer than half a minute.
export RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=300

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 10000))  # two jobs on one network do not meet
overrides=()
for override in "$@"; do overrides+=(-S "$override"); done

srun --nodes="$SLURM_NNODES" --ntasks="$SLURM_NNODES" \
    ray symmetric-run --address "$head:$port" --min-nodes "$SLURM_NNODES" \
    --num-cpus="$CPUS" --num-gpus="$GPUS" --include-dashboard=false \
    -- dvc exp run -S engine.workers=ray -S engine.ray_address=auto "${overrides[@]}"
