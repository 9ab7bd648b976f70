/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stub.c asks of the pt_regs of a 64-bit Arm kernel (user_pt_regs of asm/ptrace.h). Tests have it as well. */
#ifndef OPENST_LOADER_FRAME_ARM64_H
#define OPENST_LOADER_FRAME_ARM64_H

static inline const uintptr_t *stub_frame(const uintptr_t *regs, uint32_t what)
{
	(void)what;
	return regs;
}

static inline uint32_t stub_nr(const uintptr_t *frame, uint32_t abi)
{
	return (uint32_t)frame[abi == 1 ? 8 : 7];
}

static inline uint32_t stub_args(uint32_t abi)
{
	return abi == 1 ? 6 : 7;
}

static inline void stub_load_args(const uintptr_t *frame, uint32_t abi, uintptr_t *args, uint32_t n)
{
	uintptr_t mask = abi == 1 ? ~(uintptr_t)0 : 0xffffffff;

	for (uint32_t i = 0; i < n; i++)
		args[i] = frame[i] & mask;
}

static inline uintptr_t stub_sp(const uintptr_t *frame, uint32_t abi)
{
	return abi == 1 ? frame[31] : (uint32_t)frame[13];
}

static inline uintptr_t stub_orig_r0(const uintptr_t *frame, uint32_t off, uint32_t abi)
{
	uintptr_t v = *(const uintptr_t *)((const uint8_t *)frame + off);

	return abi == 1 ? v : (uint32_t)v;
}

static inline uint64_t stub_ret(const uintptr_t *regs, const uintptr_t *frame, uint32_t what)
{
	(void)regs;
	return OST_HOOK_ABI(what) == 1 ? frame[0] : (uint64_t)(int64_t)(int32_t)frame[0];
}

#endif /* OPENST_LOADER_FRAME_ARM64_H */
