#!/usr/bin/env bash
# Trains on a TPU pod slice: the same command on every worker, started again when it ends
# in an error, so that a preempted slice goes on from its last checkpoint once it is back.
#
#   NAME=my-slice ZONE=us-central2-b REPOSITORY=URL \
#       ./tpu_pod.sh configs/biggan.py gs://BUCKET/runs/biggan
#
# NAME: the TPU VM, made before with
#   gcloud compute tpus tpu-vm create "$NAME" --zone "$ZONE" --accelerator-type v4-128 \
#       --version tpu-ubuntu2204-base
# REPOSITORY: where to clone from; REVISION: what to check out (the same on all workers).
# TRIES: how often to start (20); PAUSE: seconds between (60).
set -euo pipefail

config=${1:?usage: tpu_pod.sh CONFIG WORKDIR [--config.x=y ...]}
workdir=${2:?usage: tpu_pod.sh CONFIG WORKDIR [--config.x=y ...]}
shift 2
: "${NAME:?set NAME to the TPU VM}" "${ZONE:?set ZONE}" "${REPOSITORY:?set REPOSITORY}"
revision=${REVISION:-main}

on_every_worker() {
    gcloud compute tpus tpu-vm ssh "$NAME" --zone "$ZONE" --worker=all --command "$1"
}

on_every_worker "
    set -e
    test -d gan_jax || git clone --quiet '$REPOSITORY' gan_jax
    cd gan_jax && git fetch --quiet && git checkout --quiet '$revision'
    test -d .venv || python3 -m venv .venv
    .venv/bin/pip install --quiet -e '.[tpu]'
"
arguments=$(printf '%q ' --config "$config" --workdir "$workdir" "$@")
for try in $(seq "${TRIES:-20}"); do
    if on_every_worker "cd gan_jax && .venv/bin/gan-jax train $arguments"; then
        exit 0
    fi
    echo "try $try ended in an error; going on from the last checkpoint in a minute" >&2
    sleep "${PAUSE:-60}"
done
exit 1
