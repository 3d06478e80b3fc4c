# Head ranges: within the head count, one for each head.
pattern a { attend heads { 0..4 : full; 2..6 : none } }
#                                       ^^^^ error[heads]: head 2 is in two ranges
pattern b { attend heads { 0..4 : full; 5..8 : none } }
#       ^ error[heads]: head 4 of 8 is in no range
pattern c { attend heads { 4..2 : full; else : none } }
#                          ^^^^ error[heads]: head range 4..2 is not a range
pattern d { attend heads { (0 - 1)..2 : full; else : none } }
#                          ^^^^^^^^^^ error[heads]: head range -1..2 is not a range
pattern e(m = 4) { attend heads { 0..m : full; m - 1..8 : none } }
#                                              ^^^^^^^^ error[heads]: head 3 is in two ranges
pattern f { attend heads { 0..heads + 1 : full } }
#                          ^^^^^^^^^^^^ error[heads]: head range 0..9 exceeds the 8 heads
pattern g { attend heads { 0..5000 : full } }
#       ^ error[heads]: 5000 heads: a pattern has 1 to 1024
pattern i { attend heads { 1..8 : full } }
#       ^ error[heads]: head 0 of 8 is in no range
pattern four { attend heads { 0..4 : full } }
pattern eight { attend heads { 0..8 : full } }
pattern more { attend heads { 0..16 : full; else : none } }
stack s { layers 1: four; layers 1: eight }
#                         ^^^^^^^^^^^^^^^ error[heads]: layer 1 has 8 heads, layer 0 has 4; all layers share one count
stack t { layers 1: four; layers 1: more }
#                         ^^^^^^^^^^^^^^ error[heads]: layer 1: head range 0..16 exceeds the 4 heads
