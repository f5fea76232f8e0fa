/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Image: encryption.  The guest's data, and nothing else of the file, is
 * encrypted, by the sector in the file where it lies; so an io that encrypts
 * (io-crypt.h) takes the place of the one where guest data is, and all else is
 * as in an image that is not encrypted.  Compressed clusters are not: QEMU
 * neither encrypts nor decrypts them.
 *
 * What a clean cluster holds does not read as zeros here, so every allocation
 * goes by R1b (docs/DURABILITY.md).
 *
 * Runs while no request does.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "checked.h"
#include "image-internal.h"
#include "io-crypt.h"

static int
check_area (const struct image *img, uint64_t file_size, struct error *err)
{
  const struct qcow2_header *h = &img->header;

  if (h->crypto_offset > file_size ||
      h->crypto_bytes > file_size - h->crypto_offset)
    return error_set (err, EINVAL, "the LUKS header is cut off: %" PRIu64
                      " bytes at %" PRIu64 ", and the file has %" PRIu64,
                      h->crypto_bytes, h->crypto_offset, file_size);
  return 0;
}

static int
open_cipher (struct image *img, struct sector_cipher **ret, struct error *err)
{
  const struct qcow2_header *h = &img->header;

  if (!img->options.keyring)
    return error_set_class (err, EPERM, "Passphrase", "the image is encrypted "
                            "(LUKS): give the file with its passphrase, "
                            "passphrase-file=FILE");
  return keyring_open (img->options.keyring, img->io, h->crypto_offset,
                       h->crypto_bytes, ret, err);
}

static int
put_between (struct image *img, struct error *err)
{
  struct sector_cipher *cipher;

  if (open_cipher (img, &cipher, err) == -1)
    return -1;
  if (io_crypt_new (img->data, cipher, &img->crypt, err) == -1) {
    sector_cipher_free (cipher);
    return -1;
  }
  img->data = img->crypt;
  img->fresh_reads_zero = false;
  return 0;
}

int
image_crypt_open (struct image *img, uint64_t file_size, struct error *err)
{
  if (img->header.crypt_method != QCOW2_CRYPT_LUKS)
    return 0;
  if (check_area (img, file_size, err) == -1)
    return -1;
  return put_between (img, err);
}
