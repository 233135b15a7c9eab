# shellcheck shell=bash
# Debian trees: the PostgreSQL versions that this machine's release lacks, each
# in a folder of its own with the release that carries it.

# Make the tree of VERSION in CACHE unless it is there.  Two runs at once wait
# for each other; a tree appears under its name when it is complete.
make_tree() {
  local version=$1 cache=$2 log=$3 attempt
  if [[ -d $cache/$version ]]; then
    return 0
  fi
  mkdir -p "$cache"
  (
    flock 9
    if [[ -d $cache/$version ]]; then
      exit 0
    fi
    for attempt in 1 2; do
      remove_folder "$cache/.new-$version"
      if isolated bash "${BASH_SOURCE[0]%/*}/bootstrap" "$version" \
        "$(suite_of "$version")" "$cache/.new-$version" >"$log" 2>&1; then
        mv -T "$cache/.new-$version" "$cache/$version"
        exit 0
      fi
      warn "making the tree of PostgreSQL $version failed (attempt $attempt)"
    done
    tail -n 30 "$log" >&2
    exit 1
  ) 9>"$cache/.lock-$version"
}

# Remove what an interrupted make_tree left, unless another run is at it.
remove_partial_tree() {
  local version=$1 cache=$2
  if [[ -d $cache/.new-$version ]]; then
    (
      if flock --wait 10 9; then
        remove_folder "$cache/.new-$version"
      fi
    ) 9>"$cache/.lock-$version"
  fi
}
