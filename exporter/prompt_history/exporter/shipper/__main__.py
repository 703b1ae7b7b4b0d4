"""`python -m prompt_history.exporter.shipper`: the child process of `PROMPT_HISTORY_SHIPPER=process`."""

from prompt_history.exporter.shipper.process import run_process

if __name__ == "__main__":
    raise SystemExit(run_process())
