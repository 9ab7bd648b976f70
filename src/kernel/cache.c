// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/cache.h"
#include "kernel/hash.h"

#define FILE_MAX 16384u
#define FILES_MAX 16u
#define PATH_LEN 4096u
#define FIRST_LINE "openst kernel 2\n"

static const char *const fact_name[OST_FACT_POINT] = {
	[OST_FACT_WORD] = "word", [OST_FACT_SYMBOLS] = "symbols", [OST_FACT_KIND] = "kind", [OST_FACT_BEFORE] = "before",
	[OST_FACT_HASH] = "hash", [OST_FACT_BASE] = "base", [OST_FACT_ADDRESSES] = "addresses", [OST_FACT_NAMES] = "names",
	[OST_FACT_MARKERS] = "markers", [OST_FACT_TOKENS] = "tokens", [OST_FACT_TOKEN_INDEX] = "token_index",
	[OST_FACT_SEQS] = "seqs", [OST_FACT_TARGET] = "target", [OST_FACT_BANNER_ADDR] = "banner_addr",
	[OST_FACT_THREAD_INFO_TASK] = "thread_info_task", [OST_FACT_PID] = "pid", [OST_FACT_TGID] = "tgid",
	[OST_FACT_COMM] = "comm", [OST_FACT_MM] = "mm", [OST_FACT_REAL_PARENT] = "real_parent",
	[OST_FACT_GROUP_LEADER] = "group_leader", [OST_FACT_TASKS] = "tasks", [OST_FACT_STACK] = "stack",
	[OST_FACT_PGD] = "pgd", [OST_FACT_INIT_TASK] = "init_task", [OST_FACT_THREAD_SIZE] = "thread_size",
	[OST_FACT_POINTS_COUNT] = "points", [OST_FACT_ENTRY_TASK] = "entry_task",
	[OST_FACT_CODE] = "code", [OST_FACT_CODE_LEN] = "code_len", [OST_FACT_CODE2] = "code2",
	[OST_FACT_CODE2_LEN] = "code2_len", [OST_FACT_CODE_HASH] = "code_hash",
};

static const char *name_of(unsigned int i)
{
	return i < OST_FACT_POINT ? fact_name[i] : i < OST_FACT_SPOT ? "point" : "spot";
}

/* ---- text ---- */

static size_t to_text(const struct ost_facts *facts, char *ret, size_t room)
{
	size_t len = (size_t)snprintf(ret, room, FIRST_LINE);
	for (unsigned int i = 0; i < OST_FACT_COUNT && len < room; i++) {
		len += (size_t)snprintf(ret + len, room - len, "%s %" PRIx64 "\n", name_of(i), facts->v[i]);
	}
	if (len < room) {
		len += (size_t)snprintf(ret + len, room - len, "banner %s\n", facts->banner);
	}
	if (len < room) {
		len += (size_t)snprintf(ret + len, room - len, "end %016" PRIx64 "\n", ost_fnv(OST_FNV_START, ret, len));
	}
	return len < room ? len : 0;
}

/* Move *at past "word ", or fail. */
static bool skip_word(const char **at, const char *word)
{
	size_t len = strlen(word);
	if (strncmp(*at, word, len) || (*at)[len] != ' ') {
		return false;
	}
	*at += len + 1;
	return true;
}

static bool take_number(const char **at, const char *word, uint64_t *ret)
{
	char *end;
	if (!skip_word(at, word) || !isxdigit((unsigned char)**at)) {
		return false;
	}
	*ret = strtoull(*at, &end, 16);
	if (*end != '\n' || end - *at > 16) {
		return false;
	}
	*at = end + 1;
	return true;
}

static bool take_banner(const char **at, char *ret)
{
	const char *end;
	if (!skip_word(at, "banner") || !(end = strchr(*at, '\n')) || end - *at >= OST_BANNER_LEN) {
		return false;
	}
	memcpy(ret, *at, (size_t)(end - *at));
	ret[end - *at] = 0;
	for (; *ret; ret++) {
		if (!isprint((unsigned char)*ret)) {
			return false;
		}
	}
	*at = end + 1;
	return true;
}

static bool from_text(const char *text, struct ost_facts *ret)
{
	const char *at = text;
	uint64_t sum;
	if (strncmp(at, FIRST_LINE, strlen(FIRST_LINE))) {
		return false;
	}
	at += strlen(FIRST_LINE);
	for (unsigned int i = 0; i < OST_FACT_COUNT; i++) {
		if (!take_number(&at, name_of(i), &ret->v[i])) {
			return false;
		}
	}
	if (!take_banner(&at, ret->banner)) {
		return false;
	}
	uint64_t have = ost_fnv(OST_FNV_START, text, (size_t)(at - text));
	return take_number(&at, "end", &sum) && sum == have && !*at;
}

/* ---- files ---- */

static bool read_file(const char *path, struct ost_facts *ret)
{
	char text[FILE_MAX];
	struct stat st;
	FILE *file = stat(path, &st) || !S_ISREG(st.st_mode) ? NULL : fopen(path, "re");
	if (!file) {
		return false;
	}
	size_t len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = 0;
	return from_text(text, ret);
}

bool ost_cache_load(const char *dir, uint64_t key, ost_facts_fn take, void *ctx)
{
	char prefix[32], path[PATH_LEN];
	unsigned int tried = 0;
	bool taken = false;
	DIR *d = opendir(dir);
	struct dirent *entry;
	snprintf(prefix, sizeof(prefix), "kernel-%016" PRIx64 "-", key);
	while (d && !taken && tried < FILES_MAX && (entry = readdir(d))) {
		struct ost_facts facts;
		if (strncmp(entry->d_name, prefix, strlen(prefix)) || strchr(entry->d_name, '.')) {
			continue;
		}
		tried++;
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name) < sizeof(path) &&
				read_file(path, &facts)) {
			taken = take(ctx, &facts);
		}
	}
	if (d) {
		closedir(d);
	}
	return taken;
}

static void make_dir(const char *dir)
{
	char parent[PATH_LEN];
	if (strlen(dir) < sizeof(parent)) {
		strcpy(parent, dir);
		char *slash = strrchr(parent, '/');
		if (slash && slash != parent) {
			*slash = 0;
			(void)mkdir(parent, 0700);
		}
	}
	(void)mkdir(dir, 0700);
}

static bool write_whole(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t done = write(fd, text, len);
		if (done <= 0) {
			return false;
		}
		text += done;
		len -= (size_t)done;
	}
	return true;
}

bool ost_cache_store(const char *dir, uint64_t key, const struct ost_facts *facts)
{
	char text[FILE_MAX], path[PATH_LEN], temp[PATH_LEN];
	size_t len = to_text(facts, text, sizeof(text));
	/* One file an image: what tells images of the same key apart is in the name. */
	uint64_t id = ost_fnv(OST_FNV_START, facts->banner, strlen(facts->banner));
	id = ost_fnv(id, &facts->v[OST_FACT_HASH], sizeof(facts->v[0]));
	id = ost_fnv(id, &facts->v[OST_FACT_CODE_HASH], sizeof(facts->v[0]));
	id = ost_fnv(id, &facts->v[OST_FACT_SPOT], OST_FACT_SPOTS * sizeof(facts->v[0]));
	if (!len || (size_t)snprintf(path, sizeof(path), "%s/kernel-%016" PRIx64 "-%016" PRIx64, dir, key, id) >=
			sizeof(path) || (size_t)snprintf(temp, sizeof(temp), "%s/.kernel-XXXXXX", dir) >= sizeof(temp)) {
		return false;
	}
	make_dir(dir);
	int fd = mkstemp(temp);
	if (fd < 0) {
		return false;
	}
	bool done = write_whole(fd, text, len);
	done = !close(fd) && done;
	done = done && !rename(temp, path);
	if (!done) {
		unlink(temp);
	}
	return done;
}
