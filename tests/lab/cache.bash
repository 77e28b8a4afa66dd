# Sourced by the lab's scripts: directories that are built once, kept below the user's cache, and named after what they
# were built from. It knows nothing of what is in them.

cache="${XDG_CACHE_HOME:-$HOME/.cache}/pinwire/lab"

# cached KIND IDENTITY COMMAND...: prints the path of the directory that `COMMAND... PATH` filled for this identity, after
# it has done so where the directory is missing. Of parallel callers one builds, the others wait for it.
# A build deletes what nobody has asked for in three days: versions of other checkouts may be in use.
cached() {
  local kind=$1 directory new lock
  directory="$cache/$kind/$(sha256sum <<<"$2" | cut -c1-16)"
  shift 2
  mkdir -p "$cache/$kind"
  exec {lock}>"$cache/$kind/lock"
  flock "$lock"
  if [ ! -d "$directory" ]; then
    rm -rf --one-file-system "$cache/$kind"/new.*
    new=$(mktemp -d "$cache/$kind/new.XXXXXX")
    chmod 755 "$new"
    # Without the lock, so that no process which the builder leaves behind can keep it.
    if ! "$@" "$new" {lock}>&- >&2; then
      rm -rf --one-file-system "$new"
      return 1
    fi
    mv "$new" "$directory"
    find "$cache/$kind" -mindepth 1 -maxdepth 1 -type d -mmin +4320 -exec rm -rf --one-file-system {} +
  fi
  touch "$directory"
  exec {lock}>&-
  echo "$directory"
}
