# shellcheck shell=bash
# Shared by the commands of this folder: messages, Debian packages, processes
# that cannot outlive their command, a copy of the source tree.

say() { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
  warn "$@"
  exit 2
}

# The tested versions of PostgreSQL.
# shellcheck disable=SC2034 # for the caller too
tested_versions=(15 17 18 19)

# The Debian suite that carries this major version of PostgreSQL.
suite_of() {
  case $1 in
    15) echo bookworm ;;
    17) echo trixie ;;
    18) echo forky ;;
    19) echo experimental ;;
    *) return 1 ;;
  esac
}

# The tested version that this machine's own release carries.
native_version() {
  local codename='' version
  if [[ -r /etc/os-release ]]; then
    codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  fi
  for version in "${tested_versions[@]}"; do
    if [[ $(suite_of "$version") == "$codename" ]]; then
      echo "$version"
      return 0
    fi
  done
  return 1
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  else
    sudo "$@"
  fi
}

# What building and running the extension takes, apart from the tests.
build_packages() {
  echo "postgresql-$1 postgresql-server-dev-$1 gcc make libssl-dev libc6-dev"
}

# Is the package there?  A Node from elsewhere has an npm with which Debian's
# conflicts.
is_installed() {
  case $1 in
    nodejs | npm) command -v npm >/dev/null && return 0 ;;
  esac
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>&1) == installed ]]
}

# Install those of the named packages that are missing.  LOG gets apt's words.
install_packages() {
  local log=$1 package missing=()
  shift
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then
    return 0
  fi
  say "Installing ${missing[*]}"
  if ! {
    # One unreachable source of several is no reason to give up.
    as_root apt-get update || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes \
      --no-install-recommends -o DPkg::Lock::Timeout=300 \
      -o Acquire::Retries=3 "${missing[@]}"
  } </dev/null >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    warn "could not install ${missing[*]}"
    return 1
  fi
}

# Copy the source tree without what git ignores, so that a build or a test
# never touches the checkout.
copy_tree() {
  mkdir -p "$2"
  tar -C "$1" --exclude=./.git --exclude=./.cache --exclude=./results \
    --exclude=./output_iso --exclude=./tmp_check --exclude=./tmp_check_iso \
    --exclude=./log --exclude=./regression.diffs --exclude=./regression.out \
    --exclude='*.o' --exclude='*.bc' --exclude='*.so' \
    --exclude=./examples/payloads/private --exclude=node_modules \
    -cf - . | tar -C "$2" --no-same-owner -xf -
}

# Separate namespaces need rights that a container may lack even as root.
can_isolate() {
  ((EUID == 0)) && unshare --mount --pid --ipc --fork --mount-proc true 2>/dev/null
}

# Run a command so that no process, mount or shared memory of its outlives it,
# nor, if this shell is killed, this shell.
isolated() {
  if can_isolate; then
    setpriv --pdeathsig KILL -- unshare --mount --pid --ipc --fork \
      --kill-child --mount-proc -- "$@"
  else
    "$@"
  fi
}

# Run a command in the background, in a process group of its own that end_job
# can end.  Sets job.
start_job() {
  set -m
  "$@" &
  # shellcheck disable=SC2034 # for the caller
  job=$!
  set +m
}

# End a background command and whatever it started.  Isolated processes die
# with it; others are asked, so that they can stop their server.
end_job() {
  local signal=TERM
  if can_isolate; then
    signal=KILL
  fi
  kill -"$signal" -- -"$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

# A temporary folder that other users can pass through, for Unix sockets a
# short name.  Prints its name.
make_work_folder() {
  local folder
  folder=$(mktemp -d /tmp/webhook_dedup.XXXXXX)
  chmod 755 "$folder"
  echo "$folder"
}

# Remove a folder that processes on their way out may still write to.
remove_folder() {
  local _
  for _ in {1..50}; do
    if rm -rf --one-file-system "$1" 2>/dev/null; then
      return 0
    fi
    sleep 0.2
  done
  warn "could not remove $1"
}
