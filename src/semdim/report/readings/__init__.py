"""Generated sentences, a file for each topic; each function registers where its words stand."""
