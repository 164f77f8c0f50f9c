#compdef vertigo
# Completion of vertigo for zsh. vertigo itself says what a word can become.

_vertigo() {
    local line files result=1
    local -a found
    for line in "${(@f)$("$words[1]" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        case $line in
            :files) files=yes ;;
            ?*) line=${line//:/\\:}; found+=("${line/$'\t'/:}") ;;
        esac
    done
    (( $#found )) && _describe -V vertigo found && result=0
    [[ -n $files ]] && _files && result=0
    return result
}

# Read by autoload this is the function's body; read by source it is to be registered.
if [[ $funcstack[1] == _vertigo ]]; then
    _vertigo "$@"
else
    compdef _vertigo vertigo
fi
