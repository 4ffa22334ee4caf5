#pragma once
#include <hdf5.h>
#include <malloc.h>

// Swift doesn't import macros that are expressions: one accessor for each that is used.

static inline hid_t chdf5_float32(void) { return H5T_IEEE_F32LE; }
static inline hid_t chdf5_unsigned8(void) { return H5T_STD_U8LE; }
static inline hid_t chdf5_signed8(void) { return H5T_STD_I8LE; }
static inline hid_t chdf5_unsigned64(void) { return H5T_STD_U64LE; }
static inline hid_t chdf5_signed64(void) { return H5T_STD_I64LE; }
static inline hid_t chdf5_float64(void) { return H5T_IEEE_F64LE; }
static inline hid_t chdf5_native_signed64(void) { return H5T_NATIVE_INT64; }
static inline hid_t chdf5_native_float64(void) { return H5T_NATIVE_DOUBLE; }
static inline hid_t chdf5_text(void) { return H5T_C_S1; }

static inline hid_t chdf5_create_properties(void) { return H5Pcreate(H5P_DATASET_CREATE); }
static inline hid_t chdf5_access_properties(void) { return H5Pcreate(H5P_FILE_ACCESS); }

static inline unsigned chdf5_read_only(void) { return H5F_ACC_RDONLY; }
static inline unsigned chdf5_read_write(void) { return H5F_ACC_RDWR; }
static inline unsigned chdf5_truncate(void) { return H5F_ACC_TRUNC; }

// H5E_DEFAULT, H5P_DEFAULT and H5S_ALL are all zero of this type.
static inline hid_t chdf5_default(void) { return 0; }
