#!/bin/sh
# Makes what the example source files name: a CA, the oracle's certificate, one for each sender, a token, a drop folder.
#
#   make-keys.sh [FOLDER [ORACLE-HOST [SENDER …]]]      FOLDER of the source files (default: this one)
#
# tls/hospital-ca.pem, oracle.pem, oracle.key: [mllp.tls]; SENDER.pem, SENDER.key: for the sender, who needs
# hospital-ca.pem too; ca.key signs more senders: keep it off this machine. Files that are there stay as they are.
set -eu
umask 077
folder=${1:-$(dirname "$0")}
host=${2:-oracle.h1.example}
if [ $# -gt 2 ]; then shift 2; else set -- lis.h1.example; fi
mkdir -p "$folder/tls" "$folder/drop/night"
cd "$folder/tls"

key() { printf '%s' "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"; }

issue() { # file, common name, extension or nothing
    if [ -e "$1.pem" ]; then return; fi
    # shellcheck disable=SC2046
    openssl req $(key) -subj "/CN=$2" ${3:+-addext "$3"} -keyout "$1.key" -out "$1.csr" 2>/dev/null
    openssl x509 -req -in "$1.csr" -CA hospital-ca.pem -CAkey ca.key -days 825 -copy_extensions copy -out "$1.pem" 2>/dev/null
    rm "$1.csr"
}

if [ ! -e hospital-ca.pem ]; then
    # shellcheck disable=SC2046
    openssl req -x509 $(key) -days 3650 -subj /CN=hospital-ca -keyout ca.key -out hospital-ca.pem 2>/dev/null
fi
case $host in
    *[!0-9.]*) issue oracle "$host" "subjectAltName=DNS:$host" ;;
    *) issue oracle "$host" "subjectAltName=IP:$host" ;;
esac
for sender in "$@"; do
    issue "$sender" "$sender"
    printf '%s: ' "$sender"
    openssl x509 -in "$sender.pem" -noout -fingerprint -sha256
done
if [ ! -e checkup.token ]; then openssl rand -hex 24 >checkup.token; fi
