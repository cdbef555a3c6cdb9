# Runs Spark's server and never outlives dvt: dvt holds the other end of this script's standard input, so its end, however
# it comes, is the end of that input. Arguments: the server's private folder, then its command.
folder=$1
shift
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
(
    # Nobody ever writes: this returns when dvt is gone or has let go.
    read -r _ <&3
    kill -TERM "$server" 2>/dev/null
    waited=0
    while kill -0 "$server" 2>/dev/null && [ "$waited" -lt 50 ]; do
        sleep 0.1
        waited=$((waited + 1))
    done
    kill -KILL "$server" 2>/dev/null
    rm -rf "$folder"
    kill -KILL 0
) &
watcher=$!
exec 3<&-
wait "$server"
code=$?
kill "$watcher" 2>/dev/null
rm -rf "$folder"
exit "$code"
