# Completion of vertigo for fish. vertigo itself says what a word can become.

function __vertigo_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    for line in ($words[1] complete -- $words[2..-1] "$word" 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path "$word"
        else
            echo $line
        end
    end
end

complete -c vertigo -f -a '(__vertigo_complete)'
