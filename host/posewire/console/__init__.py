"""Commands of the shell that use the parts of the pipeline, or a running host."""
