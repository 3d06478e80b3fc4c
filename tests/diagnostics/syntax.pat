# Syntax errors: all of a file, and none that only follows from another.
 patern misspelt(k = 3) { attend window(k) }
#^^^^^^ error[syntax]: expected `pattern`, `stack` or `prove`, found `patern`
#       hint: did you mean `pattern`?
pattern header(k 3, p) { require k > 3; local = window(k; attend local }
#              ^ error[syntax]: expected `NAME = ...` or `)`, found `k`
#                hint: every parameter has a default: `k = 64`
#                                                     ^ error[unclosed]: `(` is never closed
pattern signs(p = 3) {
    require p => 3 && p <> 4, !(p > 100)
#             ^^ error[character]: `=>` is not in the language
#                hint: write `>=`
#                  ^^ error[character]: `&&` is not in the language
#                     hint: write `and`
#                       ^^ error[character]: `<>` is not in the language
#                          hint: write `!=`
#                             ^ error[character]: `!` is not in the language
#                               hint: write `not`
    x = window(3
#             ^ error[unclosed]: `(` is never closed
    y = sink(4)
    z = stride(p,
#             ^ error[unclosed]: `(` is never closed
    attend x | y | | z
#                  ^ error[syntax]: expected an expression, found `|`
}
pattern π_attention(w = 1.5, u = 0x10) { attend window(w) }
#       ^ error[character]: `π` cannot stand in a name: names are made of ASCII letters, digits and `_`
#         hint: write `pi_attention`
#                       ^^^ error[number]: `1.5` is not a number of the language
#                           hint: numbers are integers; divide with `//`
#                                ^^^^ error[number]: `0x10` is not a number of the language
#                                     hint: write `16`
pattern ranges { attend heads { 0:4: window(3)
#                                ^ error[syntax]: expected an operator or `..`, found `:`
#                                  hint: a range of heads is written `0..4`
   4..6: gate(window(2) sink(3))
   else window(3)
#       ^^^^^^ error[syntax]: expected `:`, found `window`
   6..8: window(3) } }
pattern open_block { attend heads { 0..4: window(3) }
#                  ^ error[unclosed]: `{` is never closed
pattern open_braces { attend full
#                   ^ error[unclosed]: `{` is never closed
stack s { layers 3: misspelt; repeat 3: { layers 4: signs } layers: signs   repeat 2 { layers 3 signs } }
#                                     ^ error[syntax]: expected an operator or `{`, found `:`
#                                       hint: a repetition is written `repeat COUNT { ... }`
#                                                                 ^ error[syntax]: expected an expression, found `:`
#                                                                                               ^^^^^ error[syntax]: expected an operator or `:`, found `signs`
#                                                                                                     hint: an entry is written `layers COUNT: PATTERN`
prove open_block: causal; prove ranges: reach(L) = 3
#                                                ^ error[syntax]: expected an operator or another item, found `=`
#                                                  hint: `=` defines; compare with `==`
prove signs reach(L) == 3
#           ^^^^^ error[syntax]: expected `:`, `if` or `(`, found `reach`
#                 hint: a claim is written `prove NAME: CLAIM`
prove signs: causal, nonempty
#                    ^^^^^^^^ error[syntax]: expected `pattern`, `stack` or `prove`, found `nonempty`
#                             hint: a `prove` makes one claim
pattern brackets { attend window[3] }
#                               ^ error[character]: `[` is not in the language
#                                 hint: write `(`
#                                 ^ error[character]: `]` is not in the language
#                                   hint: write `)`
 } pattern fine { attend full } }
#^ error[syntax]: expected `pattern`, `stack` or `prove`, found `}`
#  hint: this `}` closes nothing
#                               ^ error[syntax]: expected `pattern`, `stack` or `prove`, found `}`
#                                 hint: this `}` closes nothing
pattern attend { layers = window(3); gate = full; attend = full }
#       ^^^^^^ error[attend]: pattern `attend` has no `attend`
#              hint: its last statement says what a query attends to: `attend RELATION`
#       ^^^^^^ error[reserved]: `attend` is a keyword; it cannot be the name of anything else
#              hint: write `attend ...`, without `=`
#                ^^^^^^ error[reserved]: `layers` is a keyword; it cannot be the name of anything else
#                                    ^^^^ error[reserved]: `gate` is a keyword; it cannot be the name of anything else
#                                                 ^^^^^^ error[reserved]: `attend` is a keyword; it cannot be the name of anything else
#                                                        hint: write `attend ...`, without `=`
pattern operators { attend full ~ none }
#                               ^ error[character]: `~` is not in the language
#                                 hint: the pairs outside R are `full - R`
pattern strings { attend window("3") }
#                               ^^^ error[character]: there are no strings in the language
#                                   hint: names stand without quotes
