#!/bin/sh
# Makes what docker-compose.yml wants to find beside it, and leaves what is there alone:
#   secrets/   passwords and keys, random; empty files for what you may fill in (oidc_client_secret,
#              lti_keys, object_store)
#   .env       ENGINE_GID, the group of the engine's socket
# The folder is its owner's alone (0700). The files in it are readable by any user (0444), because each is mounted into
# containers that run as users this machine does not know; nobody else can reach them through the folder.
set -eu
cd "$(dirname "$0")/.."
folder=${SECRETS_FOLDER:-secrets}
socket=${ENGINE_SOCKET:-/var/run/docker.sock}
umask 077
mkdir -p "$folder"
chmod 700 "$folder"

random() { # 43 characters of 64: 256 bits
    head -c 32 /dev/urandom | base64 | tr -d '=\n' | tr '+/' '-_'
}

keep() { # name: from standard input, where there is none yet; never half a file
    if [ -e "$folder/$1" ]; then
        cat >/dev/null
        return
    fi
    cat >"$folder/.$1.new"
    chmod 444 "$folder/.$1.new"
    mv "$folder/.$1.new" "$folder/$1"
}

random | keep database_password
random | keep broker_password
random | keep session_key
: | keep oidc_client_secret
: | keep lti_keys
: | keep object_store
# Redis is told the password's sum, and nobody gets in without one.
sum=$(tr -d '\n' <"$folder/broker_password" | sha256sum | cut -d' ' -f1)
keep broker_users <<END
user default off
user grader on #$sum ~* &* +@all -@admin -@dangerous +info
END

if ! grep -qs '^ENGINE_GID=' .env && [ -z "${ENGINE_GID:-}" ] && [ -e "$socket" ]; then
    echo "ENGINE_GID=$(stat -L -c %g "$socket")" >>.env
fi
