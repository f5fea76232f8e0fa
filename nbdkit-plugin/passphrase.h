/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The passphrase of encrypted images, from where the user has put it.
 *
 * VALUE is the path of a file, whose bytes are taken as they are, as QEMU
 * does ("secret,file="; keyring.h tells what becomes of a newline at its end);
 * "-": nbdkit asks for it on the terminal; or "-FD": the first line on a file
 * descriptor.  It is never a passphrase itself, which `ps` would show.
 */

#ifndef BATON_PASSPHRASE_H
#define BATON_PASSPHRASE_H

#include "keyring.h"

/* Fills *RET, which the caller frees; -1 after nbdkit_error.  No byte of a
 * passphrase is ever in a message. */
int passphrase_read (const char *value, struct keyring **ret);

#endif /* BATON_PASSPHRASE_H */
