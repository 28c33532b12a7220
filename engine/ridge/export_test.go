package ridge

// BlockOrder is the order of blocks in a draw.
var BlockOrder = blockOrder
