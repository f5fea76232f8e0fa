#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Tests of the tests: take each rule of docs/DURABILITY.md out of the engine,
# one at a time, and see a named test fail.
#
#   tests/mutants.sh [NAME...]          all, or those named
#
# Each mutant is one sed script for one file of core/, or of another directory
# that is named, the unit test that must fail, and the rule.  Where that is a
# shell test, it runs with a plugin made of the build tree's objects and the
# changed file.  Each test has to pass with nothing changed.  A mutant that does
# not change its file is an error, so the list cannot rot unnoticed.

set -euo pipefail
. "$(dirname "$0")/functions-mutants.sh"
packages=(gnutls zlib libzstd jansson)
! grep -q '^#define HAVE_LIBDEFLATE' "$build/config.h" || packages+=(libdeflate)
read -r -a plugin_libs <<<"$(pkg-config --libs "${packages[@]}")"
LINKS=$tmp/links
link_commands >"$LINKS"

# name @ file @ sed script @ test @ rule
mutants=$(sed 's/^ *//' <<'END'
  cow-sync @ image-alloc.c @ s/^  return image_sync (img, err);/  return 0;/ @ test-crash-exhaustive @ R1b: data over data is synced before its pointer
  reserve-durable @ allocator.c @ s/&a->refcounts, e, 1, IO_DSYNC, err/\&a->refcounts, e, 1, 0, err/ @ test-crash-exhaustive @ R1: refcounts are up, durably, before a cluster is handed out
  extend-file @ allocator.c @ s/!a->io->fixed_size && extend_file_locked (a, e, err) == -1/0/ @ test-crash-exhaustive @ R1: no pointer leads behind the end of the file
  extend-durable @ allocator.c @ s/- len, IO_DSYNC, err/- len, 0, err/ @ test-crash-exhaustive @ R1: and durably so
  reserve-ahead @ allocator.c @ s/    reserve_ahead (a);/    ;/ @ test-allocator-pool @ R1: who takes one of the last reserves more
  layer-short @ backing.c @ s/      end > next->size)/      0)/ @ test-backing-layers @ a backing file that is shorter reads zeros beyond its end
  layer-known @ backing.c @ s/  if (mapping_has_table (&b->image->mapping,/  if (0 \&\& mapping_has_table (\&b->image->mapping,/ @ test-backing-layers @ the first layer that knows is asked
  reuse-at-once @ allocator.c @ s/extent_list_append (&a->released, e, NULL) == -1/extent_list_append (\&a->pool, e, NULL) == -1/ @ test-crash-exhaustive @ R4: freed clusters wait
  unlinked-at-once @ allocator-reclaim.c @ s/  move (a, &a->syncing, &taken);/  move (a, \&a->unlinked, \&taken);/ @ test-allocator @ R4: the pointer's change is durable before the punch
  no-grace @ allocator-reclaim.c @ s/ || !grace_passed (a->grace, a->waiting_epoch)// @ test-allocator @ R4: nobody touches it any more
  no-punch @ allocator-reclaim.c @ s/    if (io_zero (a->io, e.first << bits, e.nr_clusters << bits,/    if (0 \&\& io_zero (a->io, e.first << bits, e.nr_clusters << bits,/ @ test-allocator @ R4: what comes back is clean
  pool-before-sync @ allocator-reclaim.c @ s/extent_list_append (&a->punched, e, NULL) == 0/extent_list_append (\&a->pool, e, NULL) == 0/ @ test-allocator @ R4: and durably so
  block-durable @ refcount-grow.c @ s/return io_pwrite (rc->io, buf, bytes, p->from << bits, IO_DSYNC, err)/return io_pwrite (rc->io, buf, bytes, p->from << bits, 0, err)/ @ test-crash-exhaustive @ R3: a block is durable before its entry
  entry-durable @ refcount-grow.c @ s/rc->table_offset + i \* 8, IO_DSYNC,/rc->table_offset + i * 8, 0,/ @ test-crash-exhaustive @ R3: an entry is durable before its clusters are used
  entries-in-order @ refcount-grow.c @ s/#define SECTOR_BYTES 512u/#define SECTOR_BYTES 65536u/ @ test-image-crash @ R3: entries become durable from the first on
  header-durable @ refcount-grow.c @ s/QCOW2_HDR_REFTABLE_OFFSET, IO_DSYNC,/QCOW2_HDR_REFTABLE_OFFSET, 0,/ @ test-crash-exhaustive @ R3: the header, too
  copy-durable @ mapping-table.c @ s/return io_pwrite (m->io, buf, bytes, new, IO_DSYNC, err)/return io_pwrite (m->io, buf, bytes, new, 0, err)/ @ test-mapping-set @ R2: a copied table is durable before its L1 entry
  l1-entry @ mapping-table.c @ s/  if (io_pwrite (m->io, be, sizeof be,/  if (0 \&\& io_pwrite (m->io, be, sizeof be,/ @ test-crash-exhaustive @ K: the L1 entry is in the file
  l2-through @ table-cache-write.c @ s/  r = io_pwrite (c->io, b.bytes + b.from, b.to - b.from, start + b.from,/  r = 0 \&\& io_pwrite (c->io, b.bytes + b.from, b.to - b.from, start + b.from,/ @ test-crash-exhaustive @ K: entries are written through
  flush-sync @ image-flush.c @ s/^      sync_marking (img->io, err) == -1)/      0)/ @ test-crash-exhaustive @ R5: a flush is a sync
  data-file-sync @ image-flush.c @ s/(img->data_file && sync_marking (img->data_file, err) == -1) ||/0 ||/ @ test-crash-exhaustive @ R10: a sync covers the data file
  data-file-stale @ data-file.c @ s/img->fresh_reads_zero = false/img->fresh_reads_zero = true/ @ test-crash-exhaustive @ R10: places in a data file are not clean
  data-file-raw @ image-zero.c @ s/    qcow2_data_file_is_raw (&img->header);/    0;/ @ test-crash-exhaustive @ R10: a raw data file is given real zeros
  data-file-bit @ image-bitmaps.c @ s/    ? QCOW2_AUTOCLEAR_DATA_FILE_RAW : 0/    ? 0 : 0/ @ test-image-data-file @ R10: the raw bit stays
  data-file-place @ mapping.c @ s/entry->host_offset == offset ||/1 ||/ @ test-image-data-file @ rule 38: a cluster's place is its own
  data-file-lock @ data-file.c @ s/  if (!img->options.lock_backing)/  if (1)/ @ test-image-data-file @ a data file is locked
  fua @ image-flush.c @ s/  if (flags & IMAGE_FUA || /  if (/ @ test-crash-exhaustive @ R5: FUA, too
  late-joiner @ image-flush.c @ s/wanted = g->nr_started + 1/wanted = g->nr_started + !g->running/ @ test-image-flush @ R5: a flush waits for a sync that began after it
  finish-sync @ image-finish.c @ s/^  return sync_changes (img, err);/  return 0;/ @ test-crash-exhaustive @ R8: the end is durable
  settle-sync @ image-finish.c @ s/  if (sync_changes (img, err) == -1 ||/  if (/ @ test-handoff-record-durable @ R14: what was acknowledged is durable before the record says so
  clean-early @ image-flush.c @ s/^  atomic_store (&io->clean, true);/  ;/;s/  if (io_sync (io, err) == 0)/  if (io_sync (io, err) == 0 \&\& (atomic_store (\&io->clean, true), 1))/ @ test-image-flush @ R8: what returns while a sync runs is not covered by it
  slot-waiting @ table-cache.c @ s/ || slot->waiting)$/)/ @ test-table-cache-threads @ K: a slice that is waited for is not evicted
  clean-mark @ image-finish.c @ s/  return atomic_load (&img->io->clean) \&\&/  return 1 ||/ @ test-crash-exhaustive @ R8: only what was not changed needs no sync
  finish-scavenge @ image-finish.c @ s/  allocator_stop_scavenging (&img->allocator);/  ;/ @ test-image-flush @ R8: nothing is counted up after the end
  finish-pool @ image-finish.c @ s/      allocator_empty_pool (&img->allocator, err) == -1 ||// @ test-image-random @ R8: the pool is given back
  crypt-zeros @ image-crypt.c @ s/img->fresh_reads_zero = false/img->fresh_reads_zero = true/ @ test-image-crash @ R1b: a clean cluster is no zeros where it is encrypted
  crypt-sectors @ io-crypt.c @ s/range_lock_take (&c->sectors, &range, offset .*,/range_lock_take (\&c->sectors, \&range, (uintptr_t) \&range,/;s/                   (offset + len - 1) .*);/                   (uintptr_t) \&range);/ @ test-io-crypt @ R11: a sector is held while it is changed
  crypt-key-kept @ keyring.c @ s/if (memcmp (known->header, raw, LUKS_HEADER_BYTES) == 0)/if (1)/ @ test-luks @ a key is used again for its own header alone
  pack-sync @ image-pack.c @ s/  if ((b->any_packed ||/  if ((0 ||/ @ test-crash-exhaustive @ R12: compressed data and counts are durable before the pointer
  pack-count @ allocator-pack.c @ s/  return refcounts_add (&a->refcounts, last, 1, 0, err);/  return 0;/ @ test-allocator-pack @ R12: every user is counted
  pack-own @ allocator-pack.c @ s/    drop_own_locked (a, first++);/    first++;/ @ test-allocator-pack @ R12: the count of what is closed goes
  pack-inherit @ allocator-pack.c @ s/  if (\*ret_next == end)/  if (0)/ @ test-allocator-pack @ R12: who fills a cluster inherits its count
  inflate-forget @ allocator-reclaim.c @ s/    if (a->inflated)/    if (0)/ @ test-image-pack @ R12: what was inflated is forgotten before its place is used again
  inflate-short @ compressed.c @ s/ \&\& out_done == out_len;/;/ @ test-compressed @ exactly one cluster is inflated
  inflate-decide @ compressed.c @ s/^  return inflate_zlib (in, in_len, out, out_len, err);/  return error_set (err, EIO, "zlib compressed cluster is damaged");/ @ test-compressed @ zlib decides what is damaged
  inflate-reset @ compressed.c @ s/  ZSTD_DCtx_reset (d->zstd, ZSTD_reset_session_only);// @ test-compressed-zstd @ a cluster sees nothing of the one before
  inflate-kept @ compressed.c @ s/  if (ZSTD_sizeof_DCtx (d->zstd) > ZSTD_KEPT_BYTES)/  if (0)/ @ test-compressed-zstd @ an image cannot make us keep as much as it likes
  backing-zeros @ image-alloc.c @ /^image_run_reads_zero/,/^}/s/    return !img->backing ||/    return 1 ||/ @ test-crash-exhaustive @ R1b: a backing file's data are data
  sub-zero-bit @ image-subcluster.c @ s/  if ((missing & bitmap_zero (bitmap)) || /  if (/ @ test-image-crash @ R9: what was zeroed is written whole, durably, before its bit
  sub-backing @ image-subcluster.c @ s/ || !reads_zero (img, s->start, s->stop))/)/ @ test-crash-exhaustive @ R9: so is what has a backing file's data behind it
  sub-clean @ image-subcluster.c @ s/  if (metadata_map_touches (img->clean, host_cluster, 1))/  if (1)/ @ test-image-crash @ R9: only places known to be clean need no order
  sub-clean-sync @ image-subcluster.c @ s/^  return image_sync (img, err);/  return 0;/ @ test-image-crash @ R9: they are clean durably
  sub-copy @ image-subcluster.c @ s/      \*ret_copied = true;/      *ret_copied = false;/ @ test-image-crash @ R9: what is copied is synced before its entry
  sub-forget @ image-subcluster-zero.c @ s/  zero |= img->backing ? mask : mask & allocated;/  zero |= img->backing ? mask : 0;/ @ test-image-crash @ R9: what had data never gets both bits 0
  bitmaps-begin @ image-open.c @ s/      image_begin_bitmaps (img, err) == -1)/      0)/ @ test-image-bitmaps @ R13: in use before the first write
  bitmaps-begin-sync @ bitmaps.c @ /^bitmaps_begin/,/^}/s/  return io_sync (b->io, err);/  return 0;/ @ test-image-bitmaps @ R13: durably
  bitmaps-write @ image-write.c @ s/  image_record (&img->bitmaps, len, offset);// @ test-image-bitmaps @ R13: writes are recorded
  bitmaps-zero @ image-zero.c @ s/  image_record (&img->bitmaps, len, offset);// @ test-image-bitmaps @ R13: zeroing is recorded
  bitmaps-last @ bitmaps.c @ s/(offset + len - 1) >> bits/offset >> bits/ @ test-image-bitmaps @ R13: all of a request is
  bitmaps-end-early @ image-finish.c @ s/  return sync_changes (img, err) == -1 ? -1 : image_finish_bitmaps (img, err);/  return image_finish_bitmaps (img, err);/;s/  if (sync_changes (img, err) == -1 ||/  if (/ @ test-image-bitmaps @ R13: what was recorded is durable before it is valid
  bitmaps-end-sync @ image-finish.c @ s/^  return sync_changes (img, err);/  return 0;/ @ test-image-bitmaps @ R13: valid, durably
  bitmaps-table @ bitmaps-store.c @ s/    return store_table (s->b, r, err);/    return 0;/ @ test-image-bitmaps @ R13: tables are stored
  bitmaps-in-use @ bitmaps-load.c @ s/(BITMAP_IN_USE | BITMAP_AUTO)) != BITMAP_AUTO/BITMAP_AUTO) == 0/;s/    .flags = bitmap->flags,/    .flags = BITMAP_AUTO,/ @ test-image-bitmaps @ R13: what was lost stays so
  bitmaps-lost @ bitmaps.c @ s/!b->v\[i\].lost \&\& // @ test-handoff-bitmaps @ R13: what could not be stored stays in use
  bitmaps-forget @ bitmaps-store.c @ /^store_data/,/^}/s/store_entry (s, r, i, first, end, err) == -1/forget_changed (s->b, r, first, end), store_entry (s, r, i, first, end, err) == -1/ @ test-handoff-bitmaps @ R13: and is tried again
  bitmaps-poison @ image-bitmaps.c @ /^image_finish_bitmaps/,/^}/s/    return poison_set (&img->poison, err);/    return -1;/ @ test-handoff-bitmaps @ R13: nothing is written once some may be valid
  poison-sync @ image-flush.c @ s/    return poison_set (&img->poison, err);/    return -1;/ @ test-image-flush @ R7: a failed sync poisons
  poison-l2 @ mapping.c @ s/    return poison_set (m->poison, err);/    return -1;/ @ test-mapping-set @ R7: a failed write of metadata poisons
  overflow @ refcount.c @ s/n == refcount_max (order)/0/ @ test-refcount @ a refcount never wraps
  range-lock @ image-write.c @ s/  range_lock_take (&img->ranges, &range, offset >> bits,/  range_lock_take (\&img->ranges, \&range, UINT64_MAX - (uintptr_t) \&range + (offset >> bits) * 0,/;s/                   (offset + len - 1) >> bits);/                   UINT64_MAX - (uintptr_t) \&range);/ @ test-image-threads @ requests on one cluster take turns
  check-read @ check.c @ /^repair_in_place/,/^}/s/  if (io_sync (c->io, err) == -1)/  if (0)/ @ test-check-crash @ C1: what was read is durable before a refcount is lowered
  check-table @ check-rebuild.c @ s/  return io_sync (c->io, err);/  return 0;/ @ test-check-crash @ C2: a new refcount table is durable before the header has it
  check-copied @ check.c @ /^repair_in_place/,/^}/s/  return io_sync (c->io, err);/  return 0;/ @ test-check-crash @ C3: refcounts are durable before COPIED changes
  check-dirty @ check.c @ /^mark_clean/,/^}/s/  if (io_sync (c->io, err) == -1)/  if (0)/ @ test-check-crash @ C4: all is durable before the dirty bit is cleared
  record-durable @ record-place.c @ s/data, len, offset, IO_DSYNC, err/data, len, offset, 0, err/ @ test-record-place @ R14: each step of placing a record is durable before the next
  record-sector @ record-place.c @ s/    if (in_one_sector (offset) && !breaks/    if (!breaks/ @ test-record-place @ R14: a record lies in one sector
  record-in-place @ record-place.c @ s/  if (m.found == RECORD_VALID && in_one_sector (m.record_offset)) {/  if (m.found == RECORD_VALID) {/ @ test-record-place @ R14: also when QEMU has moved it
  record-chain @ record-place.c @ s/  if (overlap (lo, hi, m->end, HEAD_BYTES))/  if (0)/ @ test-record-place @ R14: what is there stays so until the last write
  record-highest @ record-place.c @ s/  if (m->found == RECORD_VALID && r.epoch < m->record.epoch)/  if (m->found == RECORD_VALID)/ @ test-record-place @ R14: of several records the highest epoch counts
  record-name @ record-place.c @ s/  if (put (io, header, name, m->name_bytes, to, err) == -1 ||/  if (0 ||/ @ test-record-place @ R14: a name is there before the header says so
  record-overtaken @ handoff-inactivate.c @ s/  if (handoff_record_was_overtaken (h))/  if (0)/ @ test-handoff-record @ R14: who was overtaken writes nothing
  record-take @ handoff-activate.c @ s/  if (r == 0 && h->recorded) {/  if (0) {/ @ test-handoff-record @ R14: whoever is active has said so
  record-first @ handoff-activate.c @ s/take_record (h, w, t, img, err) == -1 ||/start_writing (h, w, img, err) == -1 || take_record (h, w, t, img, err) == -1 ||/ @ test-handoff-record-faults @ R14: the record is the first write
  record-put-back @ handoff-record.c @ s/^  else if (t->written)/  else if (0)/ @ test-handoff-record-faults @ R14: a failed activation leaves the old record
  record-release @ handoff-inactivate.c @ s/  if (!h->recorded)/  if (1)/ @ test-handoff-record @ R14: whoever is inactive has said so
  record-ours @ handoff-record.c @ s/return image_poison (img, err);/return -1;/ @ test-handoff-record-faults @ R14: no acknowledgement after a release that may be there
  cache-empty @ table-cache.c @ s/ ? memset (p, 0, len)$/ ? p/ @ test-table-cache @ a new cache holds nothing
  look-past @ handoff-record.c @ s/  \*ret_what = view_difference (served, &stored);/  *ret_what = NULL;/ @ test-handoff-record-stale @ a stale cache is noticed
  look-drop @ handoff-record.c @ s/^    io_drop_cache (io);/    ;/ @ test-handoff-record-stale @ a stale cache is dropped
  backing-same @ handoff-record.c @ s/  if (!t->ticket)$/  if (1)/ @ test-handoff-record @ the backing chain is that of the ticket
  ticket-nonce @ ownership.c @ s/  if (!record_same_id (x->r->nonce, t->nonce))/  if (0)/ @ test-ownership @ a copy is told apart
  ticket-digests @ ownership.c @ s/  if (what) {/  if (0) {/ @ test-handoff-record @ what the source wrote is what is seen
  autoclear-bit @ ownership.c @ s/  if (!x->v->intact)/  if (0)/ @ test-handoff-record @ a writer that knows no records is noticed
  overtaken @ ownership.c @ s/  if (is_overtaken (x))/  if (0)/ @ test-handoff-record @ a former source is refused for ever
  held-elsewhere @ ownership.c @ s/  if (!x->this_host || !x->q->locked)/  if (0)/ @ test-handoff-record @ another host's image is not taken
  hold-plain-shutdown @ nbdkit-plugin/hold.c @ s/nbdkit_nanosleep (0, slice_ns (waited_ms))/nanosleep (\&(struct timespec) { 0, slice_ns (waited_ms) }, NULL)/ @ test-hold.sh @ who waits for an activation keeps nobody from leaving
END
)
# It changes what libdeflate is asked.
grep -q '^#define HAVE_LIBDEFLATE' "$build/config.h" ||
  mutants=$(grep -v '^inflate-short ' <<<"$mutants")

# run_unit_test TEST DIR NAME: with DIR/NAME.o
run_unit_test ()
{
  mutant_archive "$2" "$3" && link_test "$1" "$2" || return 99
  run_test "$1" "$2" 300
}

# run_shell_test TEST DIR NAME: with DIR/NAME.o in the plugin
run_shell_test ()
{
  gcc -shared -Wl,--version-script="$src/nbdkit-plugin/plugin.syms" \
      -o "$2/nbdkit-qcow2-plugin.so" "$2/$3.o" \
      "$build/nbdkit-plugin/plugin.o" "$build/nbdkit-plugin/libplugin.a" \
      "$build/control/libcontrol.a" "$build/tls/libtls.a" \
      "$build/core/libcore.a" "${plugin_libs[@]}" -lpthread || return 99
  BATON_PLUGIN=$2/nbdkit-qcow2-plugin.so top_builddir=$build \
    srcdir=$src/tests top_srcdir=$src PATH=/usr/bin:$PATH \
    timeout 300 "$src/tests/$1" >"$2/log" 2>&1
}

# A test that fails anyway would seem to kill everything.
try_unchanged ()
{
  [[ $1 != *.sh ]] || return 0
  local dir=$tmp/unchanged.$1
  mkdir "$dir"
  cp "$build/core/libcore.a" "$dir/"
  { link_test "$1" "$dir" && run_test "$1" "$dir" 300; } ||
    { tail -n 30 "$dir/log" >&2; echo "$1" >>"$tmp/broken"; }
  rm -rf "$dir"
}

# try_mutant LINE: says PASS, or FAIL and why, and remembers the name
try_mutant ()
{
  local name file script test rule dir base status=0 verdict
  IFS='@' read -r name file script test rule <<<"$1"
  name=${name// /} file=${file// /} test=${test// /}
  dir=$tmp/mutant.$name
  mkdir "$dir"
  [[ $file == */* ]] || file=core/$file
  base=$(basename "$file" .c)
  sed "${script# }" "$src/$file" >"$dir/$base.c"
  if cmp -s "$src/$file" "$dir/$base.c"; then
    verdict='FAIL: mutant %-17s changes nothing, for %s %s\n'
  else
    compile "$dir" "$base" || exit 99
    case $test in
      *.sh) run_shell_test "$test" "$dir" "$base" || status=$? ;;
      *) run_unit_test "$test" "$dir" "$base" || status=$?
    esac
    case $status in
      0) verdict='FAIL: mutant %-17s lives through %-18s%s\n' ;;
      77 | 99) verdict='FAIL: mutant %-17s cannot be tried by %-18s%s\n' ;;
      *) verdict='PASS: mutant %-17s killed by %-18s%s\n' ;;
    esac
  fi
  # shellcheck disable=SC2059
  printf "$verdict" "$name" "$test" "$rule"
  echo "$name" >>"$tmp/${verdict%%:*}"
  rm -rf "$dir"
}

chosen ()
{
  local line
  while IFS= read -r line; do
    [ $# -eq 0 ] || [[ " $* " == *" ${line%% *} "* ]] || continue
    echo "$line"
  done <<<"$mutants"
}

touch "$tmp/PASS" "$tmp/FAIL"
chosen "$@" >"$tmp/chosen"
[ $# -eq 0 ] || [ "$(wc -l <"$tmp/chosen")" -eq $# ] ||
  { echo "$0: not all of these are mutants: $*" >&2; exit 2; }
cut -d @ -f 4 "$tmp/chosen" | tr -d ' ' | sort -u >"$tmp/tests"

in_parallel try_unchanged <"$tmp/tests"
[ ! -e "$tmp/broken" ] ||
  { echo "$0: fail by themselves: $(paste -sd ' ' "$tmp/broken")" >&2; exit 1; }
in_parallel try_mutant <"$tmp/chosen"

echo "$(wc -l <"$tmp/PASS") mutants killed," \
     "$(wc -l <"$tmp/FAIL") alive: $(paste -sd ' ' "$tmp/FAIL")"
[ ! -s "$tmp/FAIL" ] &&
  [ "$(wc -l <"$tmp/PASS")" -eq "$(wc -l <"$tmp/chosen")" ]
