// SPDX-License-Identifier: GPL-2.0-or-later
#include "vboard/qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define A64_BYTES (33 * 8 + 4) /* x0-x30, sp, pc, cpsr */
#define MAX_STATE (1 << 20)
#define REPLY_TIMEOUT_MS 20000
#define NO_FDS .fd = -1, .qmp_fd = -1, .ram_fd = -1, .state_fd = -1, .traps_fd = -1, .memory_fd = -1, .cache_fd = -1

__attribute__((format(printf, 2, 3))) static bool fail(struct vb_qemu *qemu, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(qemu->error, sizeof(qemu->error), format, args);
	va_end(args);
	return false;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Packets ------------------------------------------------------------------------------------------------------- */

static bool send_all(struct vb_qemu *qemu, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(qemu->fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			qemu->dead = true;
			return fail(qemu, "QEMU has closed its gdb stub");
		}
		data += n;
		len -= (size_t)n;
	}
	return true;
}

/* No acknowledges are sent: the stub takes the next '$' for one, and while the machine runs any byte would stop it. */
static bool send_packet(struct vb_qemu *qemu, const char *text, size_t len)
{
	char buffer[8192 + 8];
	uint8_t sum = 0;

	if (len > 8192)
		return fail(qemu, "packet too long");
	buffer[0] = '$';
	memcpy(buffer + 1, text, len);
	for (size_t i = 0; i < len; i++)
		sum += (uint8_t)text[i];
	snprintf(buffer + 1 + len, 4, "#%02x", sum);
	qemu->round_trips++;
	return send_all(qemu, buffer, len + 4);
}

/* Takes the first whole packet out of the input. */
static bool take_packet(struct vb_qemu *qemu)
{
	char *start = memchr(qemu->in, '$', qemu->in_len);
	char *end = start ? memchr(start, '#', qemu->in_len - (size_t)(start - qemu->in)) : NULL;
	size_t used;

	if (!end || end + 3 > qemu->in + qemu->in_len)
		return false;
	qemu->packet_len = (size_t)(end - start - 1);
	memcpy(qemu->packet, start + 1, qemu->packet_len);
	qemu->packet[qemu->packet_len] = 0;
	used = (size_t)(end + 3 - qemu->in);
	qemu->in_len -= used;
	memmove(qemu->in, qemu->in + used, qemu->in_len);
	return true;
}

/* Waits for a packet; false on a timeout (error untouched) or when QEMU is gone. */
static bool receive(struct vb_qemu *qemu, int timeout_ms)
{
	int64_t deadline = now_ms() + timeout_ms;

	while (!take_packet(qemu)) {
		struct pollfd pfd = {.fd = qemu->fd, .events = POLLIN};
		int64_t left = timeout_ms < 0 ? -1 : deadline - now_ms();
		ssize_t n;

		if (qemu->dead)
			return false;
		if (poll(&pfd, 1, left < 0 && timeout_ms >= 0 ? 0 : (int)left) == 0)
			return false;
		n = recv(qemu->fd, qemu->in + qemu->in_len, sizeof(qemu->in) - qemu->in_len, MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0) {
			qemu->dead = true;
			return fail(qemu, "QEMU has ended");
		}
		qemu->in_len += (size_t)n;
	}
	return true;
}

__attribute__((format(printf, 2, 3))) static bool command(struct vb_qemu *qemu, const char *format, ...)
{
	char text[1024];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if ((size_t)len >= sizeof(text))
		return fail(qemu, "command too long");
	if (!send_packet(qemu, text, (size_t)len))
		return false;
	if (!receive(qemu, REPLY_TIMEOUT_MS)) {
		qemu->dead = true;
		return fail(qemu, "QEMU's gdb stub does not answer '%.20s'", text);
	}
	return true;
}

static bool is_ok(struct vb_qemu *qemu, const char *what)
{
	if (!strcmp(qemu->packet, "OK"))
		return true;
	return fail(qemu, "QEMU refuses %s (%.20s)", what, qemu->packet);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool unhex(const char *text, uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int hi = hex_digit(text[2 * i]);
		int lo = hi < 0 ? -1 : hex_digit(text[2 * i + 1]);

		if (lo < 0)
			return false;
		data[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

static void to_hex(char *text, const uint8_t *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[data[i] >> 4];
		text[2 * i + 1] = digits[data[i] & 0xf];
	}
	text[2 * len] = 0;
}

/* Registers ----------------------------------------------------------------------------------------------------- */

static bool select_thread(struct vb_qemu *qemu, unsigned int thread)
{
	if (qemu->thread == (int)thread)
		return true;
	if (!command(qemu, "Hgp1.%x", thread + 1) || !is_ok(qemu, "to select a core"))
		return false;
	qemu->thread = (int)thread;
	return true;
}

static bool parse_core(struct vb_qemu *qemu, uint32_t regs[17])
{
	uint8_t raw[17 * 4];

	if (qemu->packet_len != 2 * sizeof(raw) || !unhex(qemu->packet, raw, sizeof(raw)))
		return fail(qemu, "unexpected register packet of QEMU");
	memcpy(regs, raw, sizeof(raw));
	return true;
}

static bool parse_reg(struct vb_qemu *qemu, unsigned int number, uint64_t *value)
{
	*value = 0;
	if (qemu->packet_len > 16 || !unhex(qemu->packet, (uint8_t *)value, qemu->packet_len / 2))
		return fail(qemu, "QEMU does not give register %u", number);
	return true;
}

static bool parse_a64(struct vb_qemu *qemu, struct vb_qemu_a64 *regs)
{
	if (qemu->packet_len != 2 * A64_BYTES || !unhex(qemu->packet, (uint8_t *)regs, A64_BYTES))
		return fail(qemu, "unexpected register packet of QEMU");
	return true;
}

bool vb_qemu_read_core(struct vb_qemu *qemu, unsigned int thread, uint32_t regs[17])
{
	return select_thread(qemu, thread) && command(qemu, "g") && parse_core(qemu, regs);
}

/* Asks for the core registers and some others. The stub answers the requests one after the other. */
static bool ask_state(struct vb_qemu *qemu, unsigned int thread, const unsigned int *numbers, size_t count)
{
	uint64_t trips = qemu->round_trips;

	if (!select_thread(qemu, thread) || !send_packet(qemu, "g", 1))
		return false;
	for (size_t i = 0; i < count; i++) {
		char text[16];

		if (!send_packet(qemu, text, (size_t)snprintf(text, sizeof(text), "p%x", numbers[i])))
			return false;
	}
	qemu->round_trips = trips + 1;
	return true;
}

static bool take_values(struct vb_qemu *qemu, const unsigned int *numbers, size_t count, uint64_t *values)
{
	bool ok = true;

	for (size_t i = 0; i < count; i++)
		ok = receive(qemu, REPLY_TIMEOUT_MS) && parse_reg(qemu, numbers[i], &values[i]) && ok;
	return ok;
}

bool vb_qemu_read_state(struct vb_qemu *qemu, unsigned int thread, uint32_t regs[17], const unsigned int *numbers,
	size_t count, uint64_t *values)
{
	bool ok;

	if (!ask_state(qemu, thread, numbers, count))
		return false;
	ok = receive(qemu, REPLY_TIMEOUT_MS) && parse_core(qemu, regs);
	return take_values(qemu, numbers, count, values) && ok;
}

bool vb_qemu_read_a64(struct vb_qemu *qemu, unsigned int thread, struct vb_qemu_a64 *regs, const unsigned int *numbers,
	size_t count, uint64_t *values)
{
	bool ok;

	if (!ask_state(qemu, thread, numbers, count))
		return false;
	ok = receive(qemu, REPLY_TIMEOUT_MS) && parse_a64(qemu, regs);
	return take_values(qemu, numbers, count, values) && ok;
}

bool vb_qemu_write_a64(struct vb_qemu *qemu, unsigned int thread, const struct vb_qemu_a64 *regs)
{
	char text[2 * A64_BYTES + 1];

	to_hex(text, (const uint8_t *)regs, A64_BYTES);
	return select_thread(qemu, thread) && command(qemu, "G%s", text) && is_ok(qemu, "to write registers");
}

bool vb_qemu_write_core(struct vb_qemu *qemu, unsigned int thread, const uint32_t regs[17])
{
	char text[17 * 8 + 1];

	to_hex(text, (const uint8_t *)regs, 17 * 4);
	return select_thread(qemu, thread) && command(qemu, "G%s", text) && is_ok(qemu, "to write registers");
}

bool vb_qemu_has_reg(const struct vb_qemu *qemu, const char *name, unsigned int bits, unsigned int *number)
{
	for (size_t i = 0; i < qemu->reg_count; i++) {
		if (qemu->regs[i].bits == bits && !strcmp(qemu->regs[i].name, name)) {
			*number = qemu->regs[i].number;
			return true;
		}
	}
	return false;
}

bool vb_qemu_read_reg(struct vb_qemu *qemu, unsigned int thread, unsigned int number, uint64_t *value)
{
	return select_thread(qemu, thread) && command(qemu, "p%x", number) && parse_reg(qemu, number, value);
}

bool vb_qemu_write_reg(
	struct vb_qemu *qemu, unsigned int thread, unsigned int number, uint64_t value, unsigned int bytes)
{
	char text[17];

	to_hex(text, (const uint8_t *)&value, bytes);
	return select_thread(qemu, thread) && command(qemu, "P%x=%s", number, text) && is_ok(qemu, "to write a register");
}

bool vb_qemu_read_vector(struct vb_qemu *qemu, unsigned int thread, unsigned int number, uint64_t value[2])
{
	if (!select_thread(qemu, thread) || !command(qemu, "p%x", number))
		return false;
	return qemu->packet_len == 32 && unhex(qemu->packet, (uint8_t *)value, 16) ? true :
		fail(qemu, "QEMU does not give register %u", number);
}

bool vb_qemu_write_vector(struct vb_qemu *qemu, unsigned int thread, unsigned int number, const uint64_t value[2])
{
	char text[33];

	to_hex(text, (const uint8_t *)value, 16);
	return select_thread(qemu, thread) && command(qemu, "P%x=%s", number, text) && is_ok(qemu, "to write a register");
}

/* Memory, points, run control ----------------------------------------------------------------------------------- */

bool vb_qemu_phys_read(struct vb_qemu *qemu, uint64_t addr, unsigned int len, void *data)
{
	if (!command(qemu, "m%llx,%x", (unsigned long long)addr, len))
		return false;
	if (qemu->packet_len != 2 * len || !unhex(qemu->packet, data, len))
		return fail(qemu, "no memory at %llx", (unsigned long long)addr);
	return true;
}

bool vb_qemu_phys_write(struct vb_qemu *qemu, uint64_t addr, unsigned int len, const void *data)
{
	char text[129];

	while (len) {
		unsigned int chunk = len < 64 ? len : 64;

		to_hex(text, data, chunk);
		if (!command(qemu, "M%llx,%x:%s", (unsigned long long)addr, chunk, text) || !is_ok(qemu, "to write memory"))
			return false;
		data = (const uint8_t *)data + chunk;
		addr += chunk;
		len -= chunk;
	}
	return true;
}

bool vb_qemu_point(struct vb_qemu *qemu, bool insert, unsigned int kind, uint64_t addr, unsigned int len)
{
	return command(qemu, "%c%u,%llx,%x", insert ? 'Z' : 'z', kind, (unsigned long long)addr, len) &&
		is_ok(qemu, "a breakpoint");
}

bool vb_qemu_step_flags(struct vb_qemu *qemu, bool mask_interrupts, bool mask_timers)
{
	return command(qemu, "Qqemu.sstep=%x", 1u | mask_interrupts << 1 | mask_timers << 2) && is_ok(qemu, "step flags");
}

/* The monitor tells of every stop and start; nobody else reads that. */
static void drain_events(struct vb_qemu *qemu)
{
	char sink[4096];

	while (qemu->qmp_fd >= 0 && recv(qemu->qmp_fd, sink, sizeof(sink), MSG_DONTWAIT) == sizeof(sink))
		;
}

bool vb_qemu_go(struct vb_qemu *qemu, unsigned int cont, unsigned int step)
{
	char text[256] = "vCont";
	size_t len = 5;

	for (unsigned int i = 0; i < VB_QEMU_MAX_CPUS; i++) {
		if ((cont | step) >> i & 1)
			len += (size_t)snprintf(text + len, sizeof(text) - len, ";%c:p1.%x", step >> i & 1 ? 's' : 'c', i + 1);
	}
	drain_events(qemu);
	if (!send_packet(qemu, text, len))
		return false;
	qemu->running = true;
	return true;
}

void vb_qemu_interrupt(struct vb_qemu *qemu)
{
	if (qemu->running)
		(void)send_all(qemu, "\x03", 1);
}

static bool parse_stop(struct vb_qemu *qemu, struct vb_qemu_stop *ret)
{
	const char *text = qemu->packet;
	const char *thread = strstr(text, "thread:");
	const char *watch = strstr(text, "watch:");
	const char *dot = thread ? strchr(thread, '.') : NULL;

	*ret = (struct vb_qemu_stop){.trap = !strncmp(text, "T05", 3)};
	if (text[0] != 'T')
		return fail(qemu, "unexpected answer of QEMU while it ran: %.20s", text);
	if (dot)
		ret->thread = (unsigned int)strtoul(dot + 1, NULL, 16) - 1;
	if (watch) {
		ret->watch = watch > text && (watch[-1] == 'r' || watch[-1] == 'a') ? watch[-1] : 'w';
		ret->watch_addr = strtoull(watch + 6, NULL, 16);
	}
	return true;
}

bool vb_qemu_wait(struct vb_qemu *qemu, int timeout_ms, struct vb_qemu_stop *ret)
{
	if (!qemu->running || !receive(qemu, timeout_ms))
		return false;
	qemu->running = false;
	qemu->thread = -1;
	if (!parse_stop(qemu, ret))
		return false;
	if (ret->trap)
		qemu->thread = (int)ret->thread; /* the stub has turned to the thread that it names */
	return true;
}

bool vb_qemu_monitor(struct vb_qemu *qemu, const char *text)
{
	char hex[257];

	if (strlen(text) > 128)
		return fail(qemu, "monitor command too long");
	to_hex(hex, (const uint8_t *)text, strlen(text));
	qemu->output_len = 0;
	if (!command(qemu, "qRcmd,%s", hex))
		return false;
	while (qemu->packet[0] == 'O' && strcmp(qemu->packet, "OK")) {
		size_t len = (qemu->packet_len - 1) / 2;

		if (qemu->output_len + len < sizeof(qemu->output) &&
			unhex(qemu->packet + 1, (uint8_t *)qemu->output + qemu->output_len, len))
			qemu->output_len += len;
		if (!receive(qemu, REPLY_TIMEOUT_MS))
			return fail(qemu, "QEMU's monitor does not answer");
	}
	qemu->output[qemu->output_len] = 0;
	return is_ok(qemu, text);
}

/* Target description -------------------------------------------------------------------------------------------- */

/* Reads one annex whole; the caller frees it. */
static char *read_annex(struct vb_qemu *qemu, const char *name)
{
	char *text = NULL;
	size_t len = 0;

	for (;;) {
		char *grown;

		if (!command(qemu, "qXfer:features:read:%s:%zx,700", name, len) || !qemu->packet_len)
			break;
		grown = realloc(text, len + qemu->packet_len);
		if (!grown)
			break;
		text = grown;
		memcpy(text + len, qemu->packet + 1, qemu->packet_len - 1);
		len += qemu->packet_len - 1;
		text[len] = 0;
		if (qemu->packet[0] == 'l')
			return text;
		if (qemu->packet[0] != 'm')
			break;
	}
	free(text);
	fail(qemu, "QEMU gives no target description %s", name);
	return NULL;
}

static bool attribute(const char *tag, const char *end, const char *name, char *value, size_t size)
{
	char pattern[32];
	const char *start;
	const char *stop;

	snprintf(pattern, sizeof(pattern), " %s=\"", name);
	start = memmem(tag, (size_t)(end - tag), pattern, strlen(pattern));
	if (!start)
		return false;
	start += strlen(pattern);
	stop = memchr(start, '"', (size_t)(end - start));
	if (!stop || (size_t)(stop - start) >= size)
		return false;
	memcpy(value, start, (size_t)(stop - start));
	value[stop - start] = 0;
	return true;
}

/* Registers are numbered one after the other, unless they say their number. */
static void parse_registers(struct vb_qemu *qemu, const char *text, unsigned int *next)
{
	for (const char *tag = strstr(text, "<reg "); tag; tag = strstr(tag + 1, "<reg ")) {
		const char *end = strchr(tag, '>');
		struct vb_qemu_reg *reg = &qemu->regs[qemu->reg_count];
		char number[16], bits[16];

		if (!end || qemu->reg_count == VB_QEMU_MAX_REGS)
			return;
		if (!attribute(tag, end, "name", reg->name, sizeof(reg->name)) ||
			!attribute(tag, end, "bitsize", bits, sizeof(bits)))
			continue;
		if (attribute(tag, end, "regnum", number, sizeof(number)))
			*next = (unsigned int)atoi(number);
		reg->number = (uint16_t)(*next)++;
		reg->bits = (uint8_t)atoi(bits);
		qemu->reg_count++;
	}
}

static bool read_description(struct vb_qemu *qemu)
{
	char *target = read_annex(qemu, "target.xml");
	unsigned int next = 0;
	bool ok = target;

	for (const char *tag = target ? strstr(target, "<xi:include ") : NULL; ok && tag;
		 tag = strstr(tag + 1, "<xi:include ")) {
		const char *end = strchr(tag, '>');
		char name[64];
		char *annex;

		if (!end || !attribute(tag, end, "href", name, sizeof(name)))
			break;
		annex = read_annex(qemu, name);
		ok = annex;
		if (annex)
			parse_registers(qemu, annex, &next);
		free(annex);
	}
	free(target);
	return ok;
}

/* Saved state --------------------------------------------------------------------------------------------------- */

/* Sends text with its single quotes made double, waits for the answer. */
static bool qmp_command(struct vb_qemu *qemu, const char *text)
{
	char buffer[4096];
	size_t len = strlen(text);
	int64_t deadline = now_ms() + REPLY_TIMEOUT_MS;

	if (len >= sizeof(buffer))
		return fail(qemu, "command too long");
	for (size_t i = 0; i < len; i++)
		buffer[i] = text[i] == '\'' ? '"' : text[i];
	if (send(qemu->qmp_fd, buffer, len, MSG_NOSIGNAL) != (ssize_t)len)
		return fail(qemu, "QEMU has closed its monitor");
	for (len = 0;;) {
		struct pollfd pfd = {.fd = qemu->qmp_fd, .events = POLLIN};
		ssize_t n;
		char *end;

		if (poll(&pfd, 1, (int)(deadline - now_ms())) <= 0)
			return fail(qemu, "QEMU's monitor does not answer");
		n = recv(qemu->qmp_fd, buffer + len, sizeof(buffer) - 1 - len, 0);
		if (n <= 0)
			return fail(qemu, "QEMU has closed its monitor");
		len += (size_t)n;
		buffer[len] = 0;
		while ((end = strchr(buffer, '\n'))) {
			*end = 0;
			if (strstr(buffer, "\"return\""))
				return true;
			if (strstr(buffer, "\"error\""))
				return fail(qemu, "QEMU refuses: %.120s", buffer);
			len -= (size_t)(end + 1 - buffer);
			memmove(buffer, end + 1, len + 1);
		}
		if (len == sizeof(buffer) - 1)
			len = 0;
	}
}

enum { ISENABLER = 0x80, ICENABLER = 0x100, ISPENDR = 0x180, ICPENDR = 0x200 }; /* from the group register */

/*
 * An enabled interrupt that is not pending; if there is none, one is enabled (and *enabled is set). The core does not
 * get to see it: it is taken back before an instruction of the guest executes.
 */
static bool choose_interrupt(struct vb_qemu *qemu, uint64_t base, uint32_t *bit, bool *enabled)
{
	uint32_t enable, pending, usable;

	if (!vb_qemu_phys_read(qemu, base + ISENABLER, 4, &enable) || !vb_qemu_phys_read(qemu, base + ISPENDR, 4, &pending))
		return false;
	*enabled = !(enable & ~pending & qemu->irqs.usable);
	usable = *enabled ? ~pending & qemu->irqs.usable : enable & ~pending & qemu->irqs.usable;
	*bit = usable & -usable;
	if (*enabled)
		return *bit && vb_qemu_phys_write(qemu, base + ISENABLER, 4, bit);
	return true;
}

bool vb_qemu_rouse(struct vb_qemu *qemu, unsigned int thread, struct vb_qemu_rouse *rouse)
{
	uint64_t base = qemu->irqs.base + qemu->irqs.stride * thread;

	return qemu->irqs.usable && choose_interrupt(qemu, base, &rouse->bit, &rouse->enabled) &&
		vb_qemu_phys_write(qemu, base + ISPENDR, 4, &rouse->bit);
}

bool vb_qemu_rouse_done(struct vb_qemu *qemu, unsigned int thread, const struct vb_qemu_rouse *rouse)
{
	uint64_t base = qemu->irqs.base + qemu->irqs.stride * thread;

	return vb_qemu_phys_write(qemu, base + ICPENDR, 4, &rouse->bit) &&
		(!rouse->enabled || vb_qemu_phys_write(qemu, base + ICENABLER, 4, &rouse->bit));
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/*
 * A section of the saved state, after its tag and number:
 *
 *     length of the name, the name, instance.4, version.4, the fields; everything big-endian
 */
static const uint8_t *find_section(
	const uint8_t *data, size_t len, const char *name, unsigned int instance, size_t need)
{
	size_t name_len = strlen(name);

	for (size_t i = 0; i + 1 + name_len + 8 + need <= len; i++) {
		if (data[i] == name_len && !memcmp(data + i + 1, name, name_len) && be32(data + i + 1 + name_len) == instance)
			return data + i + 1 + name_len + 8;
	}
	return NULL;
}

static uint64_t be64(const uint8_t *p)
{
	return (uint64_t)be32(p) << 32 | be32(p + 4);
}

/*
 * The fields of a core, in the order QEMU has had them for ten years:
 *
 *     regs[16].4 xregs[32].8 pc.8 cpsr.4 spsr.4 banked_spsr[8].8 banked_r13[8].4 banked_r14[8].4 usr_regs[5].4
 *     fiq_regs[5].4
 */
enum { AT_XREGS = 64, AT_PC = AT_XREGS + 256, AT_CPSR = AT_PC + 8, AT_SPSR = AT_CPSR + 4, AT_BANKED_SPSR = AT_SPSR + 4, AT_R13 = AT_BANKED_SPSR + 64,
	AT_R14 = AT_R13 + 32, AT_USR = AT_R14 + 32, AT_FIQ = AT_USR + 20, CPU_SIZE = AT_FIQ + 20 };

static bool parse_hidden(const uint8_t *cpu, const uint32_t core[17], struct vb_qemu_hidden *ret)
{
	for (unsigned int i = 0; i < 16; i++)
		if (be32(cpu + 4 * i) != core[i])
			return false;
	if (be32(cpu + AT_CPSR) != core[16])
		return false;
	for (unsigned int i = 0; i < VB_QEMU_BANKS; i++) {
		ret->spsr[i] = be32(cpu + AT_BANKED_SPSR + 8 * i + 4);
		ret->r13[i] = be32(cpu + AT_R13 + 4 * i);
		ret->r14[i] = be32(cpu + AT_R14 + 4 * i);
	}
	for (unsigned int i = 0; i < 5; i++) {
		ret->usr_r8[i] = be32(cpu + AT_USR + 4 * i);
		ret->fiq_r8[i] = be32(cpu + AT_FIQ + 4 * i);
	}
	return true;
}

/* The bank of the mode the core is in is not kept up to date: the current registers are. */
static void patch_current(const uint8_t *cpu, const uint32_t core[17], struct vb_qemu_hidden *ret)
{
	static const struct { uint8_t mode, bank;
	} map[] = {
		{0x10, VB_QEMU_USR},
		{0x1f, VB_QEMU_USR},
		{0x11, VB_QEMU_FIQ},
		{0x12, VB_QEMU_IRQ},
		{0x13, VB_QEMU_SVC},
		{0x17, VB_QEMU_ABT},
		{0x1b, VB_QEMU_UND},
	};

	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
		if (map[i].mode != (core[16] & 0x1f))
			continue;
		ret->r13[map[i].bank] = core[13];
		ret->r14[map[i].bank] = core[14];
		ret->spsr[map[i].bank] = be32(cpu + AT_SPSR);
	}
}

/* The AArch32 registers follow from the saved status; the others are checked against what the stub says. */
static bool parse_hidden_a64(const uint8_t *cpu, const struct vb_qemu_a64 *core, struct vb_qemu_hidden_a64 *ret)
{
	for (unsigned int i = 0; i < 31; i++)
		if (be64(cpu + AT_XREGS + 8 * i) != core->x[i])
			return false;
	if (be64(cpu + AT_XREGS + 8 * 31) != core->sp || be64(cpu + AT_PC) != core->pc)
		return false;
	ret->cpsr = be32(cpu + AT_CPSR);
	ret->aarch32 = ret->cpsr & 0x10;
	for (unsigned int i = 0; i < 16; i++)
		ret->r[i] = be32(cpu + 4 * i);
	return ret->aarch32 || ret->cpsr == core->pstate;
}

/* The sections of a core in the state that QEMU would save: what the processor is and whether it waits. */
struct saved {
	uint8_t *data; /* the caller frees it */
	const uint8_t *cpu;
	bool waiting;
};

static bool save_state(struct vb_qemu *qemu, unsigned int thread, struct saved *ret)
{
	const uint8_t *common;
	char text[256];
	ssize_t len;

	*ret = (struct saved){.data = malloc(MAX_STATE)};
	snprintf(text, sizeof(text), "{'execute':'xen-save-devices-state','arguments':{'filename':'/proc/self/fd/%d',"
		"'live':false}}", qemu->state_fd);
	if (!ret->data || !qmp_command(qemu, text))
		return false;
	qemu->round_trips++;
	len = pread(qemu->state_fd, ret->data, MAX_STATE, 0);
	ret->cpu = len > 0 ? find_section(ret->data, (size_t)len, "cpu", thread, CPU_SIZE) : NULL;
	common = len > 0 ? find_section(ret->data, (size_t)len, "cpu_common", thread, 8) : NULL;
	ret->waiting = common && be32(common);
	return ret->cpu && common;
}

static bool unknown_layout(struct vb_qemu *qemu)
{
	return fail(qemu, "the state that this QEMU saves has another layout than known");
}

bool vb_qemu_read_hidden(struct vb_qemu *qemu, unsigned int thread, const uint32_t core[17], struct vb_qemu_hidden *ret)
{
	struct saved saved;
	bool ok = save_state(qemu, thread, &saved) && parse_hidden(saved.cpu, core, ret);

	if (ok) {
		patch_current(saved.cpu, core, ret);
		ret->waiting = saved.waiting;
	}
	free(saved.data);
	return ok ? true : unknown_layout(qemu);
}

bool vb_qemu_read_hidden_a64(struct vb_qemu *qemu, unsigned int thread, const struct vb_qemu_a64 *core,
	struct vb_qemu_hidden_a64 *ret)
{
	struct saved saved;
	bool ok = save_state(qemu, thread, &saved) && parse_hidden_a64(saved.cpu, core, ret);

	if (ok)
		ret->waiting = saved.waiting;
	free(saved.data);
	return ok ? true : unknown_layout(qemu);
}

/* Process ------------------------------------------------------------------------------------------------------- */

static bool make_memory(struct vb_qemu *qemu, unsigned int mib)
{
	void *map;

	qemu->ram_size = (uint64_t)mib << 20;
	qemu->ram_fd = memfd_create("guest-ram", 0);
	if (qemu->ram_fd < 0 || ftruncate(qemu->ram_fd, (off_t)qemu->ram_size))
		return fail(qemu, "no memory for the guest's RAM: %s", strerror(errno));
	qemu->state_fd = memfd_create("saved-state", 0);
	if (qemu->state_fd < 0)
		return fail(qemu, "no memory for the saved state: %s", strerror(errno));
	map = mmap(NULL, qemu->ram_size, PROT_READ | PROT_WRITE, MAP_SHARED, qemu->ram_fd, 0);
	if (map == MAP_FAILED)
		return fail(qemu, "cannot map the guest's RAM: %s", strerror(errno));
	qemu->ram = map;
	return true;
}

/* Memory that QEMU's plugin maps too, all zero; null if there is none. */
static void *make_shared(struct vb_qemu *qemu, const char *name, uint64_t size, int *fd)
{
	void *map;

	*fd = memfd_create(name, 0);
	if (*fd < 0 || ftruncate(*fd, (off_t)size)) {
		fail(qemu, "no memory to share with QEMU's plugin: %s", strerror(errno));
		return NULL;
	}
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (map != MAP_FAILED)
		return map;
	fail(qemu, "cannot map what is shared with QEMU's plugin: %s", strerror(errno));
	return NULL;
}

/* What memory holds where the MEM-AP bypasses the caches. */
static bool make_cache(struct vb_qemu *qemu)
{
	qemu->cache = (struct vb_cache){.core = qemu->ram, .base = qemu->ram_base, .size = qemu->ram_size};
	qemu->cache.memory = make_shared(qemu, "memory", qemu->ram_size, &qemu->memory_fd);
	if (qemu->cache.memory)
		qemu->cache.state = make_shared(qemu, "caches", sizeof(*qemu->cache.state), &qemu->cache_fd);
	return qemu->cache.state;
}

static bool make_trap_page(struct vb_qemu *qemu)
{
	qemu->traps = make_shared(qemu, "traps", sizeof(*qemu->traps), &qemu->traps_fd);
	if (!qemu->traps)
		return false;
	for (unsigned int i = 0; i < VB_TRAP_CPUS; i++)
		qemu->traps->cpu[i].pass = VB_TRAP_NO_PASS;
	return true;
}

/* QEMU's ends of the sockets; the numbers are the same in the child. */
struct child_fds {
	int gdb, qmp;
};

static void exec_qemu(const struct vb_qemu *qemu, const struct vb_qemu_config *config, const struct child_fds *fds,
	pid_t parent)
{
	char smp[16], memory[32], backend[96], gdb[64], qmp[64], plugin[PATH_MAX + 128];
	const char *argv[48];
	sigset_t none;
	size_t n = 0;

	snprintf(smp, sizeof(smp), "%u", config->cpus);
	snprintf(memory, sizeof(memory), "%uM", config->ram_mib);
	snprintf(backend, sizeof(backend), "memory-backend-file,id=ram,size=%uM,mem-path=/proc/self/fd/%d,share=on",
		config->ram_mib, qemu->ram_fd);
	snprintf(gdb, sizeof(gdb), "socket,id=gdb,fd=%d", fds->gdb);
	snprintf(qmp, sizeof(qmp), "socket,id=qmp,fd=%d", fds->qmp);
	const char *fixed[] = {
		config->program, "-M", config->machine, "-cpu", config->cpu, "-smp", smp, "-m", memory,
		"-object", backend, "-S", "-chardev", gdb, "-gdb", "chardev:gdb", "-chardev", qmp, "-mon",
		"chardev=qmp,mode=control", "-nodefaults", "-nographic", "-monitor", "none", "-chardev", config->serial,
		"-serial", "chardev:console",
	};
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		argv[n++] = fixed[i];
	if (config->kernel) {
		argv[n++] = "-kernel";
		argv[n++] = config->kernel;
	}
	if (config->initrd) {
		argv[n++] = "-initrd";
		argv[n++] = config->initrd;
	}
	if (config->dtb) {
		argv[n++] = "-dtb";
		argv[n++] = config->dtb;
	}
	if (config->append) {
		argv[n++] = "-append";
		argv[n++] = config->append;
	}
	if (config->plugin) {
		int len = snprintf(plugin, sizeof(plugin), "%s,page=%d", config->plugin, qemu->traps_fd);

		if (qemu->cache.state)
			snprintf(plugin + len, sizeof(plugin) - (size_t)len, ",cache=%d:%d:%d:%llx:%llx", qemu->cache_fd,
				qemu->ram_fd, qemu->memory_fd, (unsigned long long)qemu->ram_base,
				(unsigned long long)qemu->ram_size);
		argv[n++] = "-plugin";
		argv[n++] = plugin;
	}
	if (config->icount) {
		argv[n++] = "-icount";
		argv[n++] = "shift=0,sleep=on";
	}
	argv[n] = NULL;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	setpgid(0, 0); /* a Ctrl-C at the terminal is the board's to handle */
	setenv("QEMU_AUDIO_DRV", "none", 1); /* some machines have a sound chip */
	execvp(config->program, (char *const *)argv);
	fprintf(stderr, "openst-vboard: cannot run %s: %s\n", config->program, strerror(errno));
	_exit(127);
}

/* A connection to the child: ours is closed on exec, its is not. */
static bool make_pair(struct vb_qemu *qemu, int *ours, int *its)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return fail(qemu, "no socket: %s", strerror(errno));
	fcntl(pair[0], F_SETFD, FD_CLOEXEC);
	*ours = pair[0];
	*its = pair[1];
	return true;
}

static bool spawn(struct vb_qemu *qemu, const struct vb_qemu_config *config)
{
	struct child_fds fds = {-1, -1};
	pid_t parent = getpid();
	bool ok = make_pair(qemu, &qemu->fd, &fds.gdb) && make_pair(qemu, &qemu->qmp_fd, &fds.qmp);

	if (ok) {
		qemu->pid = fork();
		if (qemu->pid == 0)
			exec_qemu(qemu, config, &fds, parent);
		ok = qemu->pid > 0 ? true : fail(qemu, "cannot fork: %s", strerror(errno));
	}
	if (fds.gdb >= 0)
		close(fds.gdb);
	if (fds.qmp >= 0)
		close(fds.qmp);
	return ok;
}

/* The stub stops the machine when somebody connects and may say so later: ask something with an unmistakable answer. */
static bool synchronise(struct vb_qemu *qemu)
{
	static const char query[] = "qSupported:multiprocess+;xmlRegisters=arm";

	if (!send_packet(qemu, query, sizeof(query) - 1))
		return false;
	do {
		if (!receive(qemu, REPLY_TIMEOUT_MS))
			return fail(qemu, "QEMU's gdb stub does not answer");
	} while (!strstr(qemu->packet, "PacketSize="));
	return true;
}

static bool find_pc(struct vb_qemu *qemu)
{
	return vb_qemu_has_reg(qemu, "pc", qemu->a64 ? 64 : 32, &qemu->pc_number) ? true :
		fail(qemu, "QEMU's target description has no PC");
}

bool vb_qemu_start(struct vb_qemu *qemu, const struct vb_qemu_config *config)
{
	bool ok;

	*qemu = (struct vb_qemu){
		NO_FDS, .thread = -1, .ram_base = config->ram_base, .irqs = config->irqs, .a64 = config->a64,
	};
	ok = make_memory(qemu, config->ram_mib) && (!config->plugin || make_trap_page(qemu)) &&
		(!config->incoherent || make_cache(qemu)) && spawn(qemu, config);
	if (ok && !synchronise(qemu))
		ok = fail(qemu, "QEMU ended before it began (see its message above)");
	ok = ok && qmp_command(qemu, "{'execute':'qmp_capabilities'}") && read_description(qemu) &&
		find_pc(qemu) && command(qemu, "Qqemu.PhyMemMode:1") && is_ok(qemu, "physical memory access");
	if (!ok) {
		char error[sizeof(qemu->error)];

		memcpy(error, qemu->error, sizeof(error));
		vb_qemu_end(qemu);
		memcpy(qemu->error, error, sizeof(error));
	}
	return ok;
}

bool vb_qemu_powered_off(struct vb_qemu *qemu)
{
	int64_t deadline = now_ms() + 2000;
	int status = 1;

	while (qemu->pid > 0 && waitpid(qemu->pid, &status, WNOHANG) == 0 && now_ms() < deadline)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	if (now_ms() < deadline)
		qemu->pid = 0;
	return !qemu->pid && WIFEXITED(status) && !WEXITSTATUS(status);
}

void vb_qemu_end(struct vb_qemu *qemu)
{
	if (qemu->pid > 0) {
		kill(qemu->pid, SIGKILL);
		waitpid(qemu->pid, NULL, 0);
	}
	if (qemu->fd > 0)
		close(qemu->fd);
	if (qemu->qmp_fd > 0)
		close(qemu->qmp_fd);
	if (qemu->ram)
		munmap(qemu->ram, qemu->ram_size);
	if (qemu->ram_fd > 0)
		close(qemu->ram_fd);
	if (qemu->state_fd > 0)
		close(qemu->state_fd);
	if (qemu->traps)
		munmap(qemu->traps, sizeof(*qemu->traps));
	if (qemu->traps_fd > 0)
		close(qemu->traps_fd);
	if (qemu->cache.memory)
		munmap(qemu->cache.memory, qemu->ram_size);
	if (qemu->cache.state)
		munmap(qemu->cache.state, sizeof(*qemu->cache.state));
	if (qemu->memory_fd > 0)
		close(qemu->memory_fd);
	if (qemu->cache_fd > 0)
		close(qemu->cache_fd);
	*qemu = (struct vb_qemu){NO_FDS, .dead = true};
}
