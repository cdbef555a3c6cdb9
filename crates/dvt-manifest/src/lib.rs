//! The nouns and the graph: node, source, macro, relation; selection, order, artifact JSON.
