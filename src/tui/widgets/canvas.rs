//! Box-drawing canvas of the graph pane.
