/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory for keys: see secret.h.  No locks.
 */

#include <config.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "secret.h"

int
secret_new (size_t len, struct secret *ret, struct error *err)
{
  void *p = mmap (NULL, len, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (p == MAP_FAILED)
    return error_set_errno (err, ENOMEM, "memory for a key");
  *ret = (struct secret) { p, len };
  secret_relock (ret);
  madvise (p, len, MADV_DONTDUMP);
  return 0;
}

int
secret_copy (const void *bytes, size_t len, struct secret *ret,
             struct error *err)
{
  if (secret_new (len, ret, err) == -1)
    return -1;
  memcpy (ret->bytes, bytes, len);
  return 0;
}

void
secret_wipe (struct secret *s)
{
  if (s->bytes) {
    explicit_bzero (s->bytes, s->len);
    munmap (s->bytes, s->len);
  }
  *s = (struct secret) SECRET_INIT;
}

/* Where that is not allowed (RLIMIT_MEMLOCK), the key may be swapped out like
 * any other: no reason not to serve. */
void
secret_relock (const struct secret *s)
{
  mlock (s->bytes, s->len);
}
