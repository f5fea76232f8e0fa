/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Between the files that run malformed images.
 */

#ifndef BATON_TESTS_MALFORMED_RUN_INTERNAL_H
#define BATON_TESTS_MALFORMED_RUN_INTERNAL_H

#include "malformed-run.h"

/* How much of the guest's disk is compared. */
#define MALFORMED_WINDOW (UINT64_C (1) << 20)
#define MALFORMED_IMAGE_ID 1

/* A promise is. */
void malformed_broken (struct malformed_runner *r, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3)));
void malformed_require_unchanged (struct malformed_runner *r,
                                  const char *when);
/* ENOMEM is broken, and so is an error without a text. */
void malformed_look_at_error (struct malformed_runner *r,
                              const struct error *err);

bool malformed_open_image (struct malformed_runner *r, bool writing,
                           struct image **ret, struct error *err);
bool malformed_read_guest (struct malformed_runner *r, struct image *img,
                           void *buf, size_t len, uint64_t offset);
/* How much of BUF, which has MALFORMED_WINDOW, was filled: all that there is
 * of the disk; cluster by cluster where it does not read at once.  What cannot
 * be read is 0xee. */
uint64_t malformed_read_window (struct malformed_runner *r, struct image *img,
                                uint8_t *buf);
/* The verdict's number. */
int malformed_run_check (struct malformed_runner *r, enum check_repair repair,
                         struct check_result *ret, struct error *err);

/* malformed-write.c */
void malformed_run_rw (struct malformed_runner *r,
                       struct malformed_verdict *v);

#endif /* BATON_TESTS_MALFORMED_RUN_INTERNAL_H */
