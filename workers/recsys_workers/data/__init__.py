"""Reading interactions: files, columns, order, split and digest."""
