// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The text format: what strace writes.
 *
 * A line is begun by a call's entry and ended by its exit. The last one that was begun is held open in memory; when
 * another task's event comes first it is written as unfinished, and the exit gets a line of its own that resumes it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "out/writer.h"

#define GROUPS 64u

struct interrupted {
	uint64_t task;
	const char *call;
};

struct text_state {
	struct ost_text line;		/* the open line; empty when none is */
	uint64_t task;			/* whose it is */
	uint32_t nr;
	size_t head;			/* its bytes up to and with the parenthesis */
	/* tasks whose call was interrupted, for restart_syscall */
	struct interrupted *interrupted;
	size_t n_interrupted, interrupted_size;
	/* exit codes of thread groups that are ending, a ring */
	struct {
		int32_t tgid;
		int code;
	} groups[GROUPS];
	unsigned int next_group;
	uint64_t last_ns;		/* of the last line that was begun */
};

static void add_value(struct ost_text *t, const struct ost_value *v);

/* ---- values ---------------------------------------------------------------------------------------------------- */

/* A byte that isn't printable; the digit that may follow must not be taken for one of its own. */
static void add_escaped(struct ost_text *t, uint8_t c, bool digit_follows)
{
	static const char named[] = "\t\n\v\f\r", letters[] = "tnvfr";
	const char *p = c ? strchr(named, c) : NULL;

	ost_text_addc(t, '\\');
	if (p) {
		ost_text_addc(t, letters[p - named]);
		return;
	}
	if (c >= 0100 || digit_follows)
		ost_text_addc(t, (char)('0' + (c >> 6)));
	if (c >= 010 || digit_follows)
		ost_text_addc(t, (char)('0' + (c >> 3 & 7)));
	ost_text_addc(t, (char)('0' + (c & 7)));
}

static void add_bytes(struct ost_text *t, const struct ost_value *v)
{
	static const char hex[] = "0123456789abcdef";

	if (v->flags & OST_VALUE_INVERTED)
		ost_text_addc(t, '@');
	ost_text_addc(t, '"');
	for (uint32_t i = 0; i < v->len; i++) {
		uint8_t c = v->bytes[i];

		if (v->flags & OST_VALUE_HEXBYTES) {
			ost_text_add(t, "\\x", 2);
			ost_text_addc(t, hex[c >> 4]);
			ost_text_addc(t, hex[c & 15]);
		} else if (c == '"' || c == '\\') {
			ost_text_addc(t, '\\');
			ost_text_addc(t, (char)c);
		} else if (c >= ' ' && c < 0x7f) {
			ost_text_addc(t, (char)c);
		} else {
			add_escaped(t, c, i + 1 < v->len && v->bytes[i + 1] >= '0' && v->bytes[i + 1] <= '7');
		}
	}
	ost_text_addc(t, '"');
	if (v->flags & OST_VALUE_MORE)
		ost_text_adds(t, "...");
}

static void add_children(struct ost_text *t, const struct ost_value *v, const char *separator, bool names)
{
	bool any = false;

	for (const struct ost_value *child = v->first; child; child = child->next) {
		if (any)
			ost_text_adds(t, separator);
		any = true;
		if (names && child->name) {
			ost_text_adds(t, child->name);
			ost_text_addc(t, '=');
		}
		add_value(t, child);
	}
	if (v->flags & OST_VALUE_MORE) {
		if (any)
			ost_text_adds(t, separator);
		ost_text_adds(t, "...");
	}
}

static void add_comment(struct ost_text *t, const char *comment)
{
	ost_text_adds(t, " /* ");
	ost_text_adds(t, comment);
	ost_text_adds(t, " */");
}

static void add_value(struct ost_text *t, const struct ost_value *v)
{
	switch ((enum ost_value_kind)v->kind) {
	case OST_VALUE_NONE:
	case OST_VALUE_KIND_COUNT:
		break;
	case OST_VALUE_INT:
		ost_text_int(t, (int64_t)v->u);
		break;
	case OST_VALUE_UINT:
		ost_text_uint(t, v->u);
		break;
	case OST_VALUE_HEX:
		ost_text_hex(t, v->u);
		break;
	case OST_VALUE_OCT:
		ost_text_oct(t, v->u, 3);
		break;
	case OST_VALUE_ADDR:
		if (v->u)
			ost_text_hex(t, v->u);
		else
			ost_text_adds(t, "NULL");
		break;
	case OST_VALUE_BYTES:
		add_bytes(t, v);
		break;
	case OST_VALUE_NAME:
	case OST_VALUE_TEXT:
		ost_text_adds(t, v->text ? v->text : "");
		break;
	case OST_VALUE_UNKNOWN:
		ost_text_hex(t, v->u);
		if (v->text && *v->text)
			add_comment(t, v->text);
		break;
	case OST_VALUE_FLAGS:
		if (v->first)
			add_children(t, v, "|", false);
		else
			ost_text_addc(t, '0');
		break;
	case OST_VALUE_SIGNALS:
		ost_text_adds(t, v->flags & OST_VALUE_INVERTED ? "~[" : "[");
		add_children(t, v, " ", false);
		ost_text_addc(t, ']');
		break;
	case OST_VALUE_STRUCT:
		ost_text_addc(t, '{');
		add_children(t, v, ", ", true);
		ost_text_addc(t, '}');
		break;
	case OST_VALUE_ARRAY:
		ost_text_addc(t, '[');
		add_children(t, v, ", ", false);
		ost_text_addc(t, ']');
		break;
	case OST_VALUE_FUNCTION:
		ost_text_adds(t, v->text);
		ost_text_addc(t, '(');
		add_children(t, v, ", ", false);
		ost_text_addc(t, ')');
		break;
	case OST_VALUE_CHANGE:
		add_children(t, v, " => ", false);
		break;
	}
	if (v->comment)
		add_comment(t, v->comment);
}

static void add_arg(struct ost_text *t, const struct ost_value *v)
{
	if (v->flags & OST_VALUE_NAMED && v->name) {
		ost_text_adds(t, v->name);
		ost_text_addc(t, '=');
	}
	add_value(t, v);
}

/* What an entry can say: the arguments before the first that is known at exit. The latter, or NULL. */
static const struct ost_value *add_entry_args(struct ost_text *t, const struct ost_record *record)
{
	for (const struct ost_value *v = record->args.first; v; v = v->next) {
		bool late = v->flags & OST_VALUE_AT_EXIT;

		if (late && v->flags & OST_VALUE_LATE_COMMA)
			return v;
		if (v != record->args.first)
			ost_text_adds(t, ", ");
		if (late && v->kind == OST_VALUE_CHANGE && v->first)
			add_value(t, v->first);
		if (late)
			return v;
		add_arg(t, v);
	}
	return NULL;
}

/* The others, for a line that resumes. */
static void add_exit_args(struct ost_text *t, const struct ost_record *record)
{
	const struct ost_value *v = record->args.first;
	bool first = true;

	while (v && !(v->flags & OST_VALUE_AT_EXIT))
		v = v->next;
	for (; v; v = v->next, first = false) {
		if (!first || v->flags & OST_VALUE_LATE_COMMA)
			ost_text_adds(t, ", ");
		if (first && v->kind == OST_VALUE_CHANGE && v->first) {
			if (v->first->next) {
				ost_text_adds(t, " => ");
				add_value(t, v->first->next);
			}
		} else {
			add_arg(t, v);
		}
	}
}

static void add_all_args(struct ost_text *t, const struct ost_record *record)
{
	for (const struct ost_value *v = record->args.first; v; v = v->next) {
		if (v != record->args.first)
			ost_text_adds(t, ", ");
		add_arg(t, v);
	}
}

/* ---- lines ----------------------------------------------------------------------------------------------------- */

static void add_fraction(struct ost_text *t, uint64_t ns)
{
	char buf[16];

	snprintf(buf, sizeof(buf), ".%06u", (unsigned int)(ns % 1000000000 / 1000));
	ost_text_adds(t, buf);
}

static void add_wall_clock(struct ost_text *t, uint64_t ns, bool fraction)
{
	time_t sec = (time_t)(ns / 1000000000);
	char buf[16];
	struct tm tm;

	if (!localtime_r(&sec, &tm) || !strftime(buf, sizeof(buf), "%H:%M:%S", &tm))
		return;
	ost_text_adds(t, buf);
	if (fraction)
		add_fraction(t, ns);
}

static void add_time(struct ost_writer *writer, struct ost_text *t, uint64_t ns)
{
	struct text_state *s = writer->state;
	uint64_t wall = ns + (uint64_t)writer->options.wall_offset_ns, since = s->last_ns ? ns - s->last_ns : 0;
	char buf[32];

	switch (writer->options.time) {
	case OST_TIME_NONE:
		return;
	case OST_TIME_WALL:
	case OST_TIME_WALL_US:
		add_wall_clock(t, wall, writer->options.time == OST_TIME_WALL_US);
		break;
	case OST_TIME_UNIX_US:
		ost_text_uint(t, wall / 1000000000);
		add_fraction(t, wall);
		break;
	case OST_TIME_RELATIVE:
		snprintf(buf, sizeof(buf), "%6u", (unsigned int)(since / 1000000000));
		ost_text_adds(t, buf);
		add_fraction(t, since);
		break;
	}
	ost_text_addc(t, ' ');
	s->last_ns = ns;
}

static void add_padded(struct ost_text *t, const char *s, size_t width)
{
	size_t len = strlen(s);

	ost_text_add(t, s, len);
	for (; len < width; len++)
		ost_text_addc(t, ' ');
}

static void add_leader(struct ost_writer *writer, struct ost_text *t, const struct ost_record *record, uint64_t ns)
{
	char buf[32];

	switch (writer->options.pid) {
	case OST_PID_NONE:
		break;
	case OST_PID_FILE:
	case OST_PID_COMM:
		snprintf(buf, sizeof(buf), "%-5d ", (int)record->task.pid);
		ost_text_adds(t, buf);
		break;
	case OST_PID_CONSOLE:
		snprintf(buf, sizeof(buf), "[pid %5d] ", (int)record->task.pid);
		ost_text_adds(t, buf);
		break;
	}
	if (writer->options.pid == OST_PID_COMM) {
		add_padded(t, record->task.comm, OST_COMM_LEN - 1);
		ost_text_addc(t, ' ');
	}
	add_time(writer, t, ns);
}

/* The text of a line starts at `from`: pad to where '=' stands. */
static void add_padding(const struct ost_writer *writer, struct ost_text *t, size_t from)
{
	static const char spaces[] = "                                ";
	size_t column = t->len - from, missing;

	for (missing = column < writer->options.column ? writer->options.column - column : 0; missing > 0;) {
		size_t n = missing < sizeof(spaces) - 1 ? missing : sizeof(spaces) - 1;

		ost_text_add(t, spaces, n);
		missing -= n;
	}
}

static void add_notes(struct ost_text *t, const struct ost_value *notes)
{
	ost_text_adds(t, " (");
	for (const struct ost_value *v = notes->first; v; v = v->next) {
		if (v != notes->first)
			ost_text_adds(t, ", ");
		if (v->name) {
			ost_text_adds(t, v->name);
			ost_text_addc(t, ' ');
		}
		add_value(t, v);
	}
	ost_text_addc(t, ')');
}

static void add_error(struct ost_text *t, const struct ost_result *result)
{
	if (!result->error_name) {
		ost_text_adds(t, " (errno ");
		ost_text_int(t, result->error);
		ost_text_addc(t, ')');
		return;
	}
	ost_text_addc(t, ' ');
	ost_text_adds(t, result->error_name);
	ost_text_adds(t, " (");
	ost_text_adds(t, result->error_text);
	ost_text_addc(t, ')');
}

static void add_result(struct ost_text *t, const struct ost_result *result)
{
	ost_text_adds(t, "= ");
	switch (result->kind) {
	case OST_RESULT_VALUE:
		if (result->value.kind == OST_VALUE_OCT)
			ost_text_oct(t, result->value.u, 1);
		else
			add_value(t, &result->value);
		if (result->notes && result->notes->first)
			add_notes(t, result->notes);
		break;
	case OST_RESULT_ERROR:
		ost_text_adds(t, "-1");
		add_error(t, result);
		break;
	case OST_RESULT_RESTART:
		ost_text_addc(t, '?');
		add_error(t, result);
		break;
	case OST_RESULT_NONE:
	case OST_RESULT_NEVER:
		ost_text_addc(t, '?');
		break;
	}
}

/* ") = result" and what follows on the line. */
static void finish_line(struct ost_writer *writer, const struct ost_record *record, size_t from)
{
	struct ost_text *t = &writer->out;
	uint64_t took = record->time_ns - record->entry_ns;

	ost_text_adds(t, ") ");
	add_padding(writer, t, from);
	add_result(t, &record->result);
	if (writer->options.duration && record->result.kind != OST_RESULT_NEVER && record->name) {
		ost_text_adds(t, " <");
		ost_text_uint(t, took / 1000000000);
		add_fraction(t, took);
		ost_text_addc(t, '>');
	}
	ost_text_addc(t, '\n');
}

static void interrupt_line(struct ost_writer *writer)
{
	struct text_state *s = writer->state;

	if (!s->line.len)
		return;
	ost_text_add(&writer->out, s->line.bytes, s->line.len);
	ost_text_adds(&writer->out, " <unfinished ...>\n");
	s->line.len = 0;
}

/* ---- interrupted calls, ending groups -------------------------------------------------------------------------- */

static struct interrupted *find_interrupted(struct text_state *s, uint64_t task)
{
	for (size_t i = 0; i < s->n_interrupted; i++) {
		if (s->interrupted[i].task == task)
			return &s->interrupted[i];
	}
	return NULL;
}

static void forget_interrupted(struct text_state *s, uint64_t task)
{
	struct interrupted *entry = find_interrupted(s, task);

	if (entry)
		*entry = s->interrupted[--s->n_interrupted];
}

/* Where there is no memory for it the line just doesn't say the name. */
static void remember_interrupted(struct text_state *s, const struct ost_record *record)
{
	struct interrupted *entry = find_interrupted(s, record->task.addr);

	if (!entry && s->n_interrupted == s->interrupted_size) {
		size_t size = s->interrupted_size ? 2 * s->interrupted_size : 16;
		struct interrupted *bigger = realloc(s->interrupted, size * sizeof(*bigger));

		if (!bigger)
			return;
		s->interrupted = bigger;
		s->interrupted_size = size;
	}
	if (!entry) {
		entry = &s->interrupted[s->n_interrupted++];
		entry->call = NULL;
	}
	entry->task = record->task.addr;
	if (!(record->call_flags & (OST_CALL_RESTARTED | OST_CALL_UNKNOWN)))
		entry->call = record->name;
}

static void remember_group(struct text_state *s, const struct ost_record *record)
{
	const struct ost_value *code = ost_record_arg(record, "status");

	s->groups[s->next_group].tgid = record->task.tgid;
	s->groups[s->next_group].code = code ? (int)(code->u & 0xff) : 0;
	s->next_group = (s->next_group + 1) % GROUPS;
}

/* The newest exit_group of a task's group. */
static const int *group_code(const struct text_state *s, int32_t tgid)
{
	for (unsigned int i = 1; i <= GROUPS; i++) {
		unsigned int at = (s->next_group + GROUPS - i) % GROUPS;

		if (s->groups[at].tgid == tgid)
			return &s->groups[at].code;
	}
	return NULL;
}

static void add_restarted(struct text_state *s, struct ost_text *t, const struct ost_record *record)
{
	const struct interrupted *entry = find_interrupted(s, record->task.addr);

	ost_text_adds(t, "<... resuming interrupted ");
	ost_text_adds(t, entry && entry->call ? entry->call : "system call");
	ost_text_adds(t, " ...>");
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

static void add_name(struct ost_text *t, const struct ost_record *record)
{
	ost_text_adds(t, record->name ? record->name : "???");
}

static void text_entry(struct ost_writer *writer, const struct ost_record *record)
{
	struct text_state *s = writer->state;

	interrupt_line(writer);
	add_leader(writer, &s->line, record, record->time_ns);
	add_name(&s->line, record);
	ost_text_addc(&s->line, '(');
	s->head = s->line.len;
	if (record->call_flags & OST_CALL_RESTARTED)
		add_restarted(s, &s->line, record);
	else
		add_entry_args(&s->line, record);
	s->task = record->task.addr;
	s->nr = record->nr;
	if (record->call_flags & OST_CALL_ENDS_GROUP)
		remember_group(s, record);
	if (s->line.failed)
		writer->out.failed = true;
}

/* Begin the line of a call's end: on the open line when it's this call's, else on one that resumes it. Its start. */
static size_t begin_end(struct ost_writer *writer, const struct ost_record *record, bool *ret_open)
{
	struct text_state *s = writer->state;
	struct ost_text *t = &writer->out;
	size_t from;

	*ret_open = s->line.len && s->task == record->task.addr && record->name && s->nr == record->nr;
	if (!*ret_open)
		interrupt_line(writer);
	from = t->len;
	if (*ret_open) {
		/* The leader was made at entry; the rest is made again, with what is known now. */
		ost_text_add(t, s->line.bytes, s->head);
		s->line.len = 0;
		return from;
	}
	add_leader(writer, t, record, record->time_ns);
	ost_text_adds(t, "<... ");
	add_name(t, record);
	ost_text_adds(t, " resumed>");
	return from;
}

static void text_exit(struct ost_writer *writer, const struct ost_record *record)
{
	struct text_state *s = writer->state;
	bool open;
	size_t from = begin_end(writer, record, &open);

	if (open && record->call_flags & OST_CALL_RESTARTED)
		add_restarted(s, &writer->out, record);
	else if (open)
		add_all_args(&writer->out, record);
	else if (!(record->call_flags & OST_CALL_RESTARTED))
		add_exit_args(&writer->out, record);
	finish_line(writer, record, from);
	if (record->result.kind == OST_RESULT_RESTART && record->name)
		remember_interrupted(s, record);
	else if (s->n_interrupted)
		forget_interrupted(s, record->task.addr);
}

static void add_end(struct ost_writer *writer, const struct ost_record *record)
{
	const int *code = record->end == OST_END_UNKNOWN ? group_code(writer->state, record->task.tgid) : NULL;
	struct ost_text *t = &writer->out;

	add_leader(writer, t, record, record->time_ns);
	if (record->end == OST_END_EXITED || code) {
		ost_text_adds(t, "+++ exited with ");
		ost_text_int(t, code ? *code : record->end_code);
	} else if (record->end == OST_END_KILLED) {
		ost_text_adds(t, "+++ killed by signal ");
		ost_text_int(t, record->end_code);
	} else {
		ost_text_adds(t, "+++ ended");
	}
	ost_text_adds(t, " +++\n");
}

/* A call that will not return; arguments that it would have given are unfinished for good. */
static void text_ended(struct ost_writer *writer, const struct ost_record *record)
{
	struct text_state *s = writer->state;
	struct ost_text *t = &writer->out;
	const struct ost_value *late;
	size_t from, mark;
	bool open;

	if (record->name) {
		from = begin_end(writer, record, &open);
		mark = t->len;
		late = add_entry_args(t, record);
		if (!open)
			t->len = mark < t->len ? mark : t->len;
		if (late)
			ost_text_adds(t, " <unfinished ...>");
		finish_line(writer, record, from);
	} else {
		interrupt_line(writer);
	}
	add_end(writer, record);
	forget_interrupted(s, record->task.addr);
}

static void text_close(struct ost_writer *writer)
{
	interrupt_line(writer);
}

static void text_release(struct ost_writer *writer)
{
	struct text_state *s = writer->state;

	free(s->line.bytes);
	free(s->interrupted);
}

const struct ost_writer_ops ost_text_ops = {
	.name = "text",
	.state_size = sizeof(struct text_state),
	.entry = text_entry,
	.exit = text_exit,
	.ended = text_ended,
	.close = text_close,
	.release = text_release,
};
