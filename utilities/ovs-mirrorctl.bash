# Completion of ovs-mirrorctl's commands, options and arguments in bash.
#
# What there is to complete comes from the program: "--commands" and
# "--options" tell its syntax, and its lists the names of objects, as far as
# the control database answers within a second.

# The program as it was typed, with the options that say which database and
# whose objects.
_ovs_mirrorctl_ask()
{
    local word at=() i
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        word=${words[i]}
        case $word in
            --db=?* | --account=?* | --no-leader-only | --private-key=?* | \
            --certificate=?* | --ca-cert=?*)
                at+=("$word") ;;
            --db | --account | --private-key | --certificate | --ca-cert | \
            -p | -c | -C)
                at+=("$word" "${words[i + 1]}") ;;
        esac
    done
    "${words[0]}" --timeout=1 "${at[@]}" "$@" 2>/dev/null
}

# The account for which the line acts.
_ovs_mirrorctl_account()
{
    local i account=default
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        case ${words[i]} in
            --account=?*) account=${words[i]#--account=} ;;
            --account) account=${words[i + 1]} ;;
        esac
    done
    echo "$account"
}

# Names in the list that command $1 prints, another account's with it.
_ovs_mirrorctl_names()
{
    local own keys name=-1 account=-1 i row
    own=$(_ovs_mirrorctl_account)
    _ovs_mirrorctl_ask --format=csv "$1" | {
        IFS=, read -r -a keys
        for ((i = 0; i < ${#keys[@]}; i++)); do
            case ${keys[i]} in
                name) name=$i ;;
                account) account=$i ;;
            esac
        done
        while IFS=, read -r -a row; do
            # The customer's objects have their account next to the name;
            # names in the inventory are global.
            case $1 in
                resource-* | filter-* | tunnel-*)
                    if [ "${row[account]}" != "$own" ]; then
                        printf '%s/' "${row[account]}"
                    fi ;;
            esac
            printf '%s\n' "${row[name]}"
        done
    }
}

# What one word of a command's syntax stands for.
_ovs_mirrorctl_values()
{
    local command=$1 part parts
    IFS='|' read -r -a parts <<<"$2"
    for part in "${parts[@]}"; do
        case $part in
            ACCOUNT/NAME) _ovs_mirrorctl_names tunnel-inbox ;;
            NAME)
                case $command in
                    *-add) ;;
                    *) _ovs_mirrorctl_names "${command%-*}-list" ;;
                esac ;;
            *RESOURCE) _ovs_mirrorctl_names resource-list ;;
            FILTER | SUBNET | PEERING | CONNECT)
                _ovs_mirrorctl_names "${part,,}-list" ;;
            VPC | *-VPC) _ovs_mirrorctl_names vpc-list ;;
            TARGET)
                case " ${words[*]} " in
                    *' network-interface '*) _ovs_mirrorctl_names nic-list ;;
                    *' load-balancer '*) _ovs_mirrorctl_names lb-list ;;
                    *' collector '*) _ovs_mirrorctl_names collector-list ;;
                esac ;;
            FILE) compgen -f -- "$current" ;;
            *[A-Z]*) ;;
            *) printf '%s\n' "$part" ;;
        esac
    done
}

# What "--commands" tells of the command $2: its "options", or its "words",
# one a line.
_ovs_mirrorctl_syntax()
{
    local options name arguments
    "${words[0]}" --commands 2>/dev/null |
        while IFS=, read -r options name arguments; do
            if [ "$name" = "$2" ]; then
                case $1 in
                    options) tr -d '[]' <<<"$options" ;;
                    words) echo "$arguments" ;;
                esac | tr ' ' '\n'
            fi
        done
}

# Completes the argument $2 of the command $1, of which $3... were typed.
_ovs_mirrorctl_argument()
{
    local command=$1 nth=$2 word key kind n=0
    shift 2
    local syntax=() keys=()
    for word in $(_ovs_mirrorctl_syntax words "$command"); do
        case $word in
            ?KEY=VALUE)
                # Those of what makes such an object.
                kind=${command%-set}-add
                for word in $(_ovs_mirrorctl_syntax words "$kind"); do
                    [[ $word == *=* ]] && keys+=("${word:1}")
                done ;;
            *=*) keys+=("${word:1}") ;;
            *) syntax+=("$word") ;;
        esac
    done
    if [[ $current == *=* ]]; then
        key=${current%%=*}
        for word in "${keys[@]}"; do
            if [ "${word%%=*}" = "$key" ]; then
                _ovs_mirrorctl_values "$command" "${word#*=}" |
                    sed "s|^|$key=|"
            fi
        done
    elif ((nth < ${#syntax[@]})); then
        _ovs_mirrorctl_values "$command" "${syntax[nth]:1}"
    elif ((${#syntax[@]})) && [[ ${syntax[-1]} == [*+]* ]]; then
        _ovs_mirrorctl_values "$command" "${syntax[-1]:1}"
    else
        # Each key once.
        for word in "${keys[@]}"; do
            for kind in "$@"; do
                [ "${kind%%=*}" = "${word%%=*}" ] && continue 2
            done
            printf '%s=\n' "${word%%=*}"
        done
    fi
}

# Everything that could stand where the cursor is, one a line.
_ovs_mirrorctl_candidates()
{
    local i word command='' typed=()
    case $current in
        --format=*) printf -- '--format=%s\n' table json csv; return ;;
        --wait=*) printf -- '--wait=%s\n' none hv; return ;;
        --*=*) return ;;
    esac
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        word=${words[i]}
        case $word in
            --) command='' typed=() ;;
            --db | --account | --timeout | -t | -p | -c | -C | \
            --private-key | --certificate | --ca-cert)
                ((i++)) ;;
            -f | --format | --wait) ((i++)) ;;
            -*) ;;
            *)
                if [ -z "$command" ]; then
                    command=$word
                else
                    typed+=("$word")
                fi ;;
        esac
    done
    case ${words[${#words[@]} - 2]} in
        -f | --format) printf '%s\n' table json csv; return ;;
        --wait) printf '%s\n' none hv; return ;;
    esac
    case $current in
        -*)
            "${words[0]}" --options 2>/dev/null | sed 's/ARG$//'
            if [ -n "$command" ]; then
                _ovs_mirrorctl_syntax options "$command"
            fi ;;
        *)
            if [ -z "$command" ]; then
                "${words[0]}" --commands 2>/dev/null | cut -d, -f2
            else
                _ovs_mirrorctl_argument "$command" "${#typed[@]}" \
                    "${typed[@]}"
            fi ;;
    esac
}

_ovs_mirrorctl()
{
    # Split at blanks only: bash itself also does at '=' and ':'.
    local line=${COMP_LINE:0:COMP_POINT} words current
    read -r -a words <<<"$line"
    case $line in
        *[[:space:]]) words+=('') ;;
    esac
    current=${words[${#words[@]} - 1]}
    # Readline replaces what follows the last of these.
    local shared=${current%"${current##*[=:]}"} candidate
    COMPREPLY=()
    while IFS= read -r candidate; do
        if [ -n "$candidate" ] && [[ $candidate == "$current"* ]]; then
            candidate=${candidate#"$shared"}
            # What ends in '=' or a '/' goes on.
            case $candidate in
                *[=/]) ;;
                *) candidate+=' ' ;;
            esac
            COMPREPLY+=("$candidate")
        fi
    done < <(_ovs_mirrorctl_candidates | sort -u)
}

complete -o nospace -F _ovs_mirrorctl ovs-mirrorctl
