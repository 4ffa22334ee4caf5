int lockstep_kernels_placeholder(void); int lockstep_kernels_placeholder(void) { return 0; }
