/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See failing-calls.h.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#ifdef HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif
#include <zlib.h>

#include "failing-calls.h"

struct failure {
  unsigned left;                /* calls until it strikes; 0: none */
  bool forever, struck;
};

static struct failure last, kept;
static uint64_t seen;
static bool hashed;

void
fail_call (unsigned nth)
{
  last = (struct failure) { .left = nth };
  kept = (struct failure) { 0 };
  seen = 0;
  hashed = false;
}

void
fail_calls_from (unsigned nth)
{
  fail_call (nth);
  last.forever = true;
}

void
fail_call_too (unsigned nth, bool forever)
{
  kept = last;
  last = (struct failure) { .left = nth, .forever = forever };
}

bool
fail_call_struck (void)
{
  last.left = kept.left = 0;
  return last.struck;
}

bool
fail_call_kept_struck (void)
{
  return kept.struck;
}

uint64_t
fail_call_seen (void)
{
  return seen;
}

/* TAKEN: another one fails this call. */
static bool
strikes (struct failure *f, bool taken)
{
  if (f->left == 0)
    return false;
  if (f->left > 1) {
    f->left--;
    return false;
  }
  if (taken)
    return false;
  f->left = f->forever;
  return f->struck = true;
}

static bool
fails (void)
{
  const bool by_kept = strikes (&kept, false);
  const bool by_last = strikes (&last, by_kept);

  seen++;
  if (by_kept || by_last)
    errno = ENOMEM;
  return by_kept || by_last;
}

#define WRAP(type, name, params, args, failed)  \
  type __real_##name params;                    \
  type __wrap_##name params;                    \
  type                                          \
  __wrap_##name params                          \
  {                                             \
    return fails () ? failed : __real_##name args; \
  }

WRAP (void *, malloc, (size_t n), (n), NULL)
WRAP (void *, calloc, (size_t n, size_t size), (n, size), NULL)
WRAP (void *, realloc, (void *p, size_t n), (p, n), NULL)
WRAP (int, pthread_create, (pthread_t *ret, const pthread_attr_t *attr,
                            void *(*run) (void *), void *arg),
      (ret, attr, run, arg), EAGAIN)
WRAP (char *, strdup, (const char *s), (s), NULL)
WRAP (char *, strndup, (const char *s, size_t n), (s, n), NULL)
WRAP (char *, realpath, (const char *path, char *buf), (path, buf), NULL)
WRAP (void *, mmap, (void *at, size_t len, int prot, int flags, int fd,
                     off_t offset), (at, len, prot, flags, fd, offset),
      MAP_FAILED)
WRAP (ssize_t, getrandom, (void *buf, size_t len, unsigned flags),
      (buf, len, flags), -1)
WRAP (int, gnutls_hash_init, (gnutls_hash_hd_t *h,
                              gnutls_digest_algorithm_t which), (h, which),
      GNUTLS_E_MEMORY_ERROR)
WRAP (int, gnutls_hash, (gnutls_hash_hd_t h, const void *p, size_t n),
      (h, p, n), GNUTLS_E_MEMORY_ERROR)
WRAP (int, posix_memalign, (void **ret, size_t align, size_t n),
      (ret, align, n), ENOMEM)
WRAP (int, gnutls_cipher_init, (gnutls_cipher_hd_t *h,
                                gnutls_cipher_algorithm_t which,
                                const gnutls_datum_t *key,
                                const gnutls_datum_t *iv),
      (h, which, key, iv), GNUTLS_E_MEMORY_ERROR)
#ifdef HAVE_LIBDEFLATE
WRAP (struct libdeflate_decompressor *, libdeflate_alloc_decompressor, (void),
      (), NULL)
#endif
WRAP (int, deflateInit2_, (z_stream *z, int level, int method, int window,
                           int memory, int strategy, const char *version,
                           int bytes),
      (z, level, method, window, memory, strategy, version, bytes),
      Z_MEM_ERROR)
WRAP (int, gnutls_pbkdf2, (gnutls_mac_algorithm_t which,
                           const gnutls_datum_t *key,
                           const gnutls_datum_t *salt, unsigned n, void *ret,
                           size_t len), (which, key, salt, n, ret, len),
      GNUTLS_E_MEMORY_ERROR)

int __real_gnutls_hash_fast (gnutls_digest_algorithm_t which, const void *p,
                             size_t n, void *ret);
int __wrap_gnutls_hash_fast (gnutls_digest_algorithm_t which, const void *p,
                             size_t n, void *ret);

/* Stripes call it thousands of times: only the first one counts. */
int
__wrap_gnutls_hash_fast (gnutls_digest_algorithm_t which, const void *p,
                         size_t n, void *ret)
{
  const bool counts = !hashed;

  hashed = true;
  return counts && fails () ? GNUTLS_E_MEMORY_ERROR
    : __real_gnutls_hash_fast (which, p, n, ret);
}

static int
print_to (char **ret, const char *format, va_list args)
{
  return fails () ? -1 : vasprintf (ret, format, args);
}

/* By its two names: the second one where _FORTIFY_SOURCE is set. */
int __wrap_asprintf (char **ret, const char *format, ...);
int __wrap___asprintf_chk (char **ret, int flag, const char *format, ...);

int
__wrap_asprintf (char **ret, const char *format, ...)
{
  va_list args;
  int r;

  va_start (args, format);
  r = print_to (ret, format, args);
  va_end (args);
  return r;
}

int
__wrap___asprintf_chk (char **ret, int flag, const char *format, ...)
{
  va_list args;
  int r;

  (void) flag;
  va_start (args, format);
  r = print_to (ret, format, args);
  va_end (args);
  return r;
}
