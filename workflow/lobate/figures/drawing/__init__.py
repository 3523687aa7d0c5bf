"""Drawing of each figure with matplotlib, one module a figure, and the parts that figures share."""
