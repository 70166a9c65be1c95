"""The top floor: the `fibreflow` command, the embedded servers and the demo."""
