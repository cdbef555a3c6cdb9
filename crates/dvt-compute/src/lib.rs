//! Runs the joining query over staged and streamed extracts: DataFusion in process.
