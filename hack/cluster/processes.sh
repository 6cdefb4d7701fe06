# shellcheck shell=bash
# Background processes with a log and a pid file in a directory: sourced by the scripts that start and stop the cluster's daemons.

# start DIRECTORY NAME COMMAND...: runs COMMAND in a session of its own, with no descriptor of the caller but its log.
start() {
  local directory=$1 name=$2
  shift 2
  mkdir -p "$directory"/{log,pid}
  (
    for descriptor in /proc/self/fd/*; do # a lock or a test's pipe must not stay open as long as the cluster runs
      descriptor=${descriptor##*/}
      [ "$descriptor" -le 2 ] || eval "exec $descriptor>&-"
    done
    exec setsid nohup "$@" < /dev/null > "$directory/log/$name.log" 2>&1
  ) &
  echo "$! $(awk '{print $22}' "/proc/$!/stat")" > "$directory/pid/$name"
}

# pid_of DIRECTORY NAME: prints the pid if that very process still runs; a recycled pid has another start time.
pid_of() {
  local pid began
  read -r pid began 2> /dev/null < "$1/pid/$2" || return 1
  [ "$(awk '{print $3 == "Z" ? "zombie" : $22}' "/proc/$pid/stat" 2> /dev/null)" = "$began" ] && echo "$pid"
}

# stop DIRECTORY NAME [SIGNAL]: ends the process that start() began, and returns when it is gone.
stop() {
  local pid
  if pid=$(pid_of "$1" "$2"); then
    kill -s "${3:-TERM}" "$pid" 2> /dev/null || true
    for _ in $(seq 150); do
      pid_of "$1" "$2" > /dev/null || break
      sleep 0.1
    done
    ! pid_of "$1" "$2" > /dev/null || kill -KILL "$pid" 2> /dev/null || true
  fi
  rm -f "$1/pid/$2"
}

# other_kubelets DIRECTORY: those that run and that DIRECTORY's cluster did not start, one a line; k3s and MicroK8s have theirs inside.
other_kubelets() {
  local name
  for name in kubelet kubelite k3s-server k3s-agent; do # one by one: procps complains of a pattern of more than 15 characters
    pgrep --list-full --exact --runstates D,I,R,S,T,t "$name" || true
  done | grep -vF -- "$1/" || true
}

# refuse_other_kubelets DIRECTORY: pods, networks and rules of a kubelet that DIRECTORY's cluster did not start cannot be told from ours.
refuse_other_kubelets() {
  local found
  found=$(other_kubelets "$1")
  [ -z "$found" ] || die "another Kubernetes runs on this machine (${found%%$'\n'*}): stop it first; the local cluster needs the machine for itself."
}
