#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Who may command a server over TCP: each thing that can be wrong with a
# certificate is refused, no command is reached, and the log names the reason.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
. "$srcdir/functions-tls.sh"
requires qemu-img certtool nbdkit

"$top_srcdir/cli/baton-pki" "$pki" localhost other looker void >"$tmp/made" ||
  fail "baton-pki: $(cat "$tmp/made")"
# It says what more it takes.
sed -n '/^For production: /,$p' "$tmp/made" | tr '\n' ' ' |
  grep -q 'its key signs.*authority that you have.*renew certificates.*other certificates' ||
  fail "baton-pki does not say what to do for production: $(cat "$tmp/made")"
"$top_srcdir/cli/baton-pki" --revoke "$pki" void >"$tmp/made" ||
  fail "baton-pki --revoke: $(cat "$tmp/made")"
mv "$pki"/void.revoked-* "$pki/void"

# An authority under which there may be others: that of baton-pki allows none.
authority ca-deep 'cn = "a deep authority"'
cat "$pki/ca-deep/ca-cert.pem" >>"$pki/localhost/ca-cert.pem"

disk=$tmp/disk.qcow2
qemu-img create -q -f qcow2 "$disk" 16M
start_tls a "$disk" control="$(control a)" \
          control-tls-certificates="$pki/localhost" \
          control-allow=localhost,void,old,young,self,chain,chain4,shallow,weak,server,wrong,purpose,root,forged \
          control-allow-status=looker

# -- who may -------------------------------------------------------------------

ask localhost "$a_port" flush || fail "a good client: $(cat "$tmp/said")"
ask localhost "$a_port" inactivate || fail "a good client: $(cat "$tmp/said")"
ask looker "$a_port" status || fail "who may look: $(cat "$tmp/said")"
grep -q '^state  *inactive' "$tmp/said" || fail "status: $(cat "$tmp/said")"
! ask looker "$a_port" activate || fail "who may only look has activated"
grep -q NotAllowed "$tmp/said" || fail "looker: $(cat "$tmp/said")"
ask localhost "$a_port" activate || fail "$(cat "$tmp/said")"

# -- who may not ---------------------------------------------------------------

# refused NAME REASON: a client that would inactivate, if anybody listened
refused ()
{
  # The log has at most 10 lines in a second, and baton tries twice.
  sleep 0.25
  : >"$tmp/a.log"
  ! ask "$1" "$a_port" inactivate || fail "$1 was let in"
  wait_for 5 grep -q "sent away .* port .*$2" "$tmp/a.log" ||
    fail "$1: the log does not say \"$2\": $(cat "$tmp/a.log" "$tmp/said")"
  grep -q 'cannot connect' "$tmp/said" || fail "$1: $(cat "$tmp/said")"
  baton status "$(control a)" | grep -q '^state  *active' ||
    fail "$1 was sent away, and its command was done"
}

authority ca-wrong 'cn = "another authority"'
authority ca-forged "$(command certtool -i --infile "$pki/ca/ca-cert.pem" |
                       sed -n 's/^\tSubject: CN=\(.*\)/cn = "\1"/p')"
purpose=tls_www_client
issue wrong ca-wrong 'cn = "wrong"' $purpose
issue forged ca-forged 'cn = "forged"' $purpose
issue old ca 'cn = "old"' $purpose 'activation_date = "2020-01-01 00:00:00"' \
      'expiration_date = "2021-01-01 00:00:00"'
issue young ca 'cn = "young"' $purpose \
      'activation_date = "2120-01-01 00:00:00"' \
      'expiration_date = "2121-01-01 00:00:00"'
issue purpose ca 'cn = "purpose"' code_signing_key
issue noname ca $purpose
issue odd ca 'cn = "local host"' $purpose
issue alt ca 'cn = "localhost"' 'dns_name = "alt"' $purpose

mkdir "$pki/self" "$pki/root" "$pki/weak" "$pki/server"
for name in self root weak server; do
  cp "$pki/ca/ca-cert.pem" "$pki/$name/"
done
key "$pki/self/client-key.pem"
printf '%s\n' 'cn = "self"' $purpose signing_key >"$tmp/template"
certtool --generate-self-signed --template "$tmp/template" \
         --load-privkey "$pki/self/client-key.pem" \
         --outfile "$pki/self/client-cert.pem"
issue root ca 'cn = "root"' ca $purpose
certtool --generate-privkey --key-type rsa --bits 1024 \
         --outfile "$pki/weak/client-key.pem"
issue weak ca 'cn = "weak"' $purpose
cp "$pki/localhost/server-cert.pem" "$pki/server/client-cert.pem"
cp "$pki/localhost/server-key.pem" "$pki/server/client-key.pem"

refused other '"other" is not allowed here'
refused alt '"alt" is not allowed here'
refused wrong 'not signed by an authority'
refused forged 'signature is wrong\|not signed by an authority'
refused self 'not signed by an authority'
refused old 'it has expired'
refused young 'not valid yet'
refused void 'has been revoked'
refused purpose 'not issued for this purpose'
refused server 'not issued for this purpose'
refused root "authority's own"
refused weak 'too weak'
refused noname 'no usable name'
refused odd 'no usable name'

# below NAME CA: an authority that CA has signed
below ()
{
  mkdir "$pki/$1"
  key "$pki/$1/ca-key.pem"
  printf '%s\n' "cn = \"$1\"" ca cert_signing_key >"$tmp/template"
  certtool --generate-certificate --template "$tmp/template" \
           --load-privkey "$pki/$1/ca-key.pem" \
           --load-ca-certificate "$pki/$2/ca-cert.pem" \
           --load-ca-privkey "$pki/$2/ca-key.pem" \
           --outfile "$pki/$1/ca-cert.pem"
}

# chain NAME CA...: a client of the first one, who sends the others, too
chain ()
{
  local name=$1 ca
  shift
  issue "$name" "$1" "cn = \"$name\"" $purpose
  for ca; do
    cat "$pki/$ca/ca-cert.pem" >>"$pki/$name/client-cert.pem"
  done
}

# The longest chain, and one that is longer, though each of its signatures is
# right.
below ca1 ca-deep
below ca2 ca1
below ca3 ca2
below ca4 ca3
chain chain4 ca3 ca2 ca1
ask chain4 "$a_port" flush || fail "a chain of 4: $(cat "$tmp/said" "$tmp/a.log")"
chain chain ca4 ca3 ca2 ca1
refused chain 'more than 4 certificates'
# Its authority may sign no other one.
below ca-shallow ca
chain shallow ca-shallow
refused shallow 'its signer was not allowed to sign it'

# -- no certificate, no TLS, no server that we know --------------------------------

mkdir "$pki/none"
cp "$pki/ca/ca-cert.pem" "$pki/none/"
refused none 'has sent no certificate'

: >"$tmp/a.log"
! baton inactivate "nbd://localhost:$a_port/" >"$tmp/said" 2>&1 ||
  fail "commanded without TLS"
grep -q 'use nbds://' "$tmp/said" || fail "no TLS: $(cat "$tmp/said")"
wait_for 5 grep -q 'wanted to go on without TLS' "$tmp/a.log" ||
  fail "no TLS: $(cat "$tmp/a.log")"

cp "$pki/ca-wrong/ca-cert.pem" "$pki/none/"
! ask none "$a_port" status || fail "a server of an unknown authority"
grep -q "we do not accept the server's certificate" "$tmp/said" ||
  fail "unknown server: $(cat "$tmp/said")"
! baton --tls-certificates "$pki/localhost" status "nbds://127.0.0.1:$a_port/" \
  >"$tmp/said" 2>&1 || fail "a server of another name"

# -- somebody on the way who takes TLS out of what is said ---------------------------

# To a client that wants TLS the server seems to have none.  The client does not
# go on without; what it has asked for is listed.
strip='
import socket, struct, sys
l = socket.create_server(("localhost", 0))
print(l.getsockname()[1], flush=True)
while True:
    s, _ = l.accept()
    s.sendall(b"NBDMAGICIHAVEOPT" + struct.pack(">H", 3))
    f = s.makefile("rb")
    f.read(4)
    while head := f.read(16):
        option, length = struct.unpack(">II", head[8:])
        f.read(length)
        print("option", option, flush=True)
        answer = 0x80000001 if option == 5 else 1
        try:
            s.sendall(struct.pack(">QIII", 0x3e889045565a9, option, answer, 0))
        except OSError:
            pass
    s.close()'
/usr/bin/python3 -c "$strip" >"$tmp/asked" &
pids+=($!)
wait_for 10 grep -q . "$tmp/asked" || fail "nobody is on the way"
read -r way_port <"$tmp/asked"
! ask localhost "$way_port" inactivate || fail "commanded where TLS was taken out"
grep -q 'cannot connect' "$tmp/said" || fail "taken out: $(cat "$tmp/said")"
grep -q '^option 5$' "$tmp/asked" || fail "taken out: no TLS was asked for"
# To leave is option 2.
! grep '^option' "$tmp/asked" | grep -v '^option [25]$' ||
  fail "taken out: the client goes on"

# -- a crowd of them ---------------------------------------------------------------

# A second has so many lines in the log, and who is left out is counted.
rude ()
{
  python '
import concurrent.futures, socket, sys
def one(i):
    s = socket.create_connection(("localhost", int(sys.argv[1])))
    try:
        s.recv(18)
        s.sendall(b"no option" * 9)
        while s.recv(99):
            pass
    except ConnectionError:
        pass
    s.close()
with concurrent.futures.ThreadPoolExecutor(20) as all:
    list(all.map(one, range(int(sys.argv[2]))))' "$a_port" "$1"
}
accounted ()
{
  awk '/control: sent away/ { n++ }
       /control: [0-9]+ more clients were sent away/ {
         sub (/.*control: /, ""); n += $1; more++ }
       END { exit !(n == 101 && more) }' "$tmp/a.log"
}
sleep 1.1
: >"$tmp/a.log"
rude 100
sleep 1.1
rude 1
wait_for 5 accounted || fail "not 101 clients: $(cat "$tmp/a.log")"

ask localhost "$a_port" inactivate || fail "in the end: $(cat "$tmp/said")"
stop a

# -- our own certificate is old ----------------------------------------------------

mkdir "$pki/late"
cp "$pki/ca/ca-cert.pem" "$pki/late/"
key "$pki/late/server-key.pem"
sign "$pki/late/server" ca 'cn = "localhost"' 'dns_name = "localhost"' \
     tls_www_server 'activation_date = "2020-01-01 00:00:00"' \
     'expiration_date = "2021-01-01 00:00:00"'
start_tls l "$disk" control-tls-certificates="$pki/late" \
          control-allow=localhost start=inactive
grep -q 'warning: control-tls-certificates: .*expired' "$tmp/l.log" ||
  fail "no warning of an old certificate: $(cat "$tmp/l.log")"
stop l

# -- what is wrong at the start is said then ------------------------------------------

# not_started TEXT PARAMETER...
not_started ()
{
  local text=$1 status=0
  shift
  timeout 20 nbdkit -U "$(sock never)" "$plugin" "$disk" start=inactive \
          control-allow=localhost control-listen="localhost:$(free_port)" "$@" \
          >"$tmp/said" 2>&1 || status=$?
  [ "$status" -eq 1 ] || fail "$text: status $status"
  grep -q -- "$text" "$tmp/said" || fail "not \"$text\": $(cat "$tmp/said")"
}

# wrong_file FILE TEXT: its content is read from stdin
wrong_file ()
{
  cp "$pki"/localhost/{ca-cert,server-cert,server-key}.pem "$pki/wrong-files/"
  cat >"$pki/wrong-files/$1"
  not_started "wrong-files/$2" control-tls-certificates="$pki/wrong-files"
  rm "$pki/wrong-files/$1"
}

# wrong_keys TEXT LINE
wrong_keys ()
{
  echo "$2" >"$tmp/wrong.psk"
  not_started "wrong.psk: $1" control-tls-psk="$tmp/wrong.psk"
}

wrong_starts ()
{
  # A library that has been told to do without what is needed: both versions of TLS.
  printf '%s\n' '[overrides]' 'disabled-version = tls1.2' \
         'disabled-version = tls1.3' >"$tmp/gnutls"
  GNUTLS_SYSTEM_PRIORITY_FILE=$tmp/gnutls \
    not_started 'this GnuTLS cannot do what is needed: ' \
                control-tls-certificates="$pki/localhost"

  mkdir "$pki/wrong-files"
  wrong_file ca-cert.pem 'ca-cert.pem: ' </dev/null
  wrong_file server-cert.pem 'server-cert.pem and server-key.pem: ' <<<garbage
  wrong_file server-key.pem 'server-cert.pem and server-key.pem: ' <"$pki/other/server-key.pem"
  wrong_file ca-crl.pem 'ca-crl.pem: ' <<<garbage
  rm "$pki/wrong-files/server-key.pem"
  not_started 'wrong-files/server-key.pem: No such file' \
              control-tls-certificates="$pki/wrong-files"

  wrong_keys 'line 1: must be NAME:HEXKEY' alice
  wrong_keys 'line 1: the name before the colon' "al ice:$(printf '%032d' 1)"
  wrong_keys 'line 1: the key after the colon must be in hexadecimal' "alice:xyz"
  wrong_keys 'line 1: the key of alice has 15 bytes, at least 16 are needed' \
             "alice:$(printf '%030d' 1)"
  wrong_keys 'there is no key in it' '# nobody'
}

# Under a sanitizer nbdkit hangs when it cannot start (functions.sh).
[ "${BATON_SANITIZER:-no}" != no ] || wrong_starts

# -- shared keys -------------------------------------------------------------------

one=$(printf '%032d' 1)
{
  echo "# who may"
  echo "alice:$one"
  echo "bob:$(printf '%032d' 2)"
  echo "carol:$(printf '%032d' 3)"
} >"$tmp/keys.psk"
start_tls a "$disk" control="$(control a)" control-tls-psk="$tmp/keys.psk" \
          control-allow=alice control-allow-status=bob

# ask_psk NAME KEY WORD
ask_psk ()
{
  echo "$1:$2" >"$tmp/client.psk"
  : >"$tmp/a.log"
  baton --timeout 20 --tls-psk-file "$tmp/client.psk" --tls-username "$1" "$3" \
        "nbds://localhost:$a_port/" >"$tmp/said" 2>&1
}

# refused_psk NAME KEY REASON
refused_psk ()
{
  sleep 0.25
  ! ask_psk "$1" "$2" inactivate || fail "shared key: $1 was let in"
  wait_for 5 grep -q "sent away .*$3" "$tmp/a.log" ||
    fail "shared key of $1: not \"$3\": $(cat "$tmp/a.log" "$tmp/said")"
  baton status "$(control a)" | grep -q '^state  *active' ||
    fail "shared key: $1 was sent away, and its command was done"
}

ask_psk alice "$one" flush || fail "shared key: $(cat "$tmp/said" "$tmp/a.log")"
ask_psk bob "$(printf '%032d' 2)" status || fail "bob: $(cat "$tmp/said")"
! ask_psk bob "$(printf '%032d' 2)" inactivate || fail "bob has commanded"
grep -q NotAllowed "$tmp/said" || fail "bob: $(cat "$tmp/said")"
refused_psk alice "$(printf '%032d' 9)" "shared key is not that of \"alice\""
refused_psk dave "$one" 'no shared key for "dave"'
refused_psk carol "$(printf '%032d' 3)" '"carol" is not allowed here'
stop a
