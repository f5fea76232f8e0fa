/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The last stage of qcow2_header_parse; nobody else needs this.
 */

#ifndef BATON_QCOW2_HEADER_CHECK_H
#define BATON_QCOW2_HEADER_CHECK_H

#include "error.h"
#include "qcow2-header.h"

/* Whether L1, refcount and snapshot tables lie where they may and are big
 * enough, but not too big.  H's geometry (cluster_bits, the derived fields)
 * is already checked.  EINVAL, or EFBIG over a limit. */
int qcow2_header_check_tables (const struct qcow2_header *h,
                               struct error *err);

#endif /* BATON_QCOW2_HEADER_CHECK_H */
