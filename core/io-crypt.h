/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An io whose bytes are encrypted in the io below it, sector by sector, at the
 * same offsets: what the guest's data goes through in an encrypted image.
 *
 * As io.h says, but:
 *   - a byte that nobody wrote reads as anything: zeros below are not zeros
 *     here.  So fresh_reads_zero is false.
 *   - zero writes encrypted zeros, for space below reads zeros there alone;
 *     IO_PUNCH gives nothing back, and what is beyond the end of the file is
 *     written too.
 *
 * Requests of any alignment.  A sector is changed as a whole, and a write that
 * covers it in part puts back what else was in it.  That keeps promise P at
 * its 512 bytes: a sector below does not tear, so after a power cut it is the
 * old one or the new one, and the two differ in the bytes of that request
 * alone.
 */

#ifndef BATON_IO_CRYPT_H
#define BATON_IO_CRYPT_H

#include "io.h"
#include "sector-cipher.h"

/* IO is borrowed and must live longer; CIPHER is taken over on success. */
int io_crypt_new (struct io *io, struct sector_cipher *cipher,
                  struct io **ret, struct error *err);

#endif /* BATON_IO_CRYPT_H */
