#!/bin/sh
# Runs `ecoalign` with what it is given. A model's key may come as a file, named by OPENAI_API_KEY_FILE: so it stands
# neither in the image nor in what `docker inspect` shows.
set -eu
if [ -n "${OPENAI_API_KEY_FILE:-}" ]; then
  OPENAI_API_KEY=$(cat -- "$OPENAI_API_KEY_FILE")
  export OPENAI_API_KEY
fi
exec ecoalign "$@"
