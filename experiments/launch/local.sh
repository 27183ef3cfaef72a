#!/usr/bin/env bash
# Trains in several processes on this machine, each with its share of the devices.
#
#   PROCESSES=2 DEVICES=4 ./local.sh configs/quickstart.py runs/two
set -euo pipefail

config=${1:?usage: local.sh CONFIG WORKDIR [--config.x=y ...]}
workdir=${2:?usage: local.sh CONFIG WORKDIR [--config.x=y ...]}
shift 2
exec "${GAN_JAX:-gan-jax}" launch --processes "${PROCESSES:-2}" \
    --devices-per-process "${DEVICES:-1}" -- \
    train --config "$config" --workdir "$workdir" "$@"
