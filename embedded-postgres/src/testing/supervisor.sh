# Runs the server of the tests: $1 is its folder, $2 its socket's folder, the rest its command line.
# Stops it when no process on the list `users` has lived for five seconds, and takes the folder away.
# The end of the folder `users` is the closing mark: it can't be removed while anyone is on the list, and nobody gets on
# the list afterwards.
home=$1 socket=$2
shift 2
users=$home/users
trap 'rm -rf "$users"' HUP INT TERM

# Whether the process $1 lives and is the one that started at $2 (pids are given out again).
lives() {
    if [ -d /proc/self ]; then
        read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
        started=$2
        set -- ${stat##*) }
        [ "$1" != Z ] && { [ -z "$started" ] || [ "${20}" = "$started" ]; }
    else
        ps -p "$1" >/dev/null 2>&1
    fi
}

"$@" >>"$home/postgres.log" 2>&1 &
server=$!
idle=0
while [ -d "$users" ]; do
    lives "$server" "" || exit 1 # its log stays; whoever starts the next one clears up
    for user in "$users"/*; do
        [ -f "$user" ] || continue
        started=
        read -r started 2>/dev/null <"$user"
        lives "${user##*/}" "$started" || rm -f "$user"
    done
    if [ "$(echo "$users"/*)" = "$users/*" ]; then idle=$((idle + 1)); else idle=0; fi
    if [ $idle -ge 5 ]; then
        rmdir "$users" 2>/dev/null
        idle=0
    else
        sleep 1
    fi
done
kill -INT "$server" 2>/dev/null
wait "$server"
rm -rf "$home" "$socket"
rmdir "${home%/*}" 2>/dev/null
