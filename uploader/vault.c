/* vault.c - memory for secrets: in no core dump, not swapped out where that is allowed, wiped when
 * it is given back.
 *
 * What libcurl holds lies here as well: it copies passwords, writes headers with them, and frees
 * both as they are. Pieces come in powers of two; those given back are lent again, larger ones have
 * a mapping of their own. */
/* SPDX-License-Identifier: MIT */
#include "uploader/vault.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif

#define CHUNK	((size_t)256 << 10)
#define SHIFTS	18 /* the largest of a chunk is half of it */
#define MINIMUM 6

struct head {
	size_t size;	   /* of the piece, the head included */
	struct head *next; /* of those that are free */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct head *free_ones[SHIFTS]; /* by the power of two */
static char *chunk;
static size_t chunk_left;

static void *map(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return NULL;
	if (madvise(at, size, MADV_DONTDUMP)) {
		munmap(at, size);
		return NULL;
	}
	/* only what is touched, and only if the limit allows it */
	(void)mlock2(at, size, MLOCK_ONFAULT);
	return at;
}

/* The lock is held. */
static struct head *cut(size_t size)
{
	if (chunk_left < size) {
		char *fresh = map(CHUNK); /* the rest of the old one is not worth a list */
		if (!fresh)
			return NULL;
		chunk = fresh;
		chunk_left = CHUNK;
	}
	struct head *head = (struct head *)chunk;
	chunk += size;
	chunk_left -= size;
	return head;
}

void *cp_vault_get(size_t size)
{
	unsigned shift = MINIMUM;
	struct head *head;
	if (size > SIZE_MAX / 4)
		return NULL;
	size += sizeof *head;
	while (shift < SHIFTS && (size_t)1 << shift < size)
		shift++;
	if (shift < SHIFTS) {
		size = (size_t)1 << shift;
		pthread_mutex_lock(&lock);
		head = free_ones[shift];
		if (head)
			free_ones[shift] = head->next;
		else
			head = cut(size);
		pthread_mutex_unlock(&lock);
	} else {
		head = map(size);
	}
	if (!head)
		return NULL;
	*head = (struct head){.size = size};
	return head + 1;
}

void cp_vault_give(void *at)
{
	if (!at)
		return;
	struct head *head = (struct head *)at - 1;
	size_t size = head->size;
	explicit_bzero(at, size - sizeof *head);
	unsigned shift = (unsigned)__builtin_ctzll(size);
	if (shift >= SHIFTS || (size_t)1 << shift != size) {
		munmap(head, size);
		return;
	}
	pthread_mutex_lock(&lock);
	head->next = free_ones[shift];
	free_ones[shift] = head;
	pthread_mutex_unlock(&lock);
}

void *cp_vault_zeroed(size_t count, size_t size)
{
	if (size && count > SIZE_MAX / size)
		return NULL;
	void *at = cp_vault_get(count * size);
	if (at)
		memset(at, 0, count * size);
	return at;
}

void *cp_vault_resize(void *at, size_t size)
{
	void *fresh;
	size_t had = at ? ((struct head *)at - 1)->size - sizeof(struct head) : 0;
	if (at && size <= had && size + sizeof(struct head) > (had + sizeof(struct head)) / 4)
		return at;
	fresh = cp_vault_get(size);
	if (fresh && at) {
		memcpy(fresh, at, size < had ? size : had);
		cp_vault_give(at);
	}
	return fresh;
}

char *cp_vault_copy(const char *text)
{
	size_t len = strlen(text) + 1;
	char *copy = cp_vault_get(len);
	if (copy)
		memcpy(copy, text, len);
	return copy;
}
