package cuda

// rank puts CUDA before the processor when the user leaves the choice open.
const rank = 10
