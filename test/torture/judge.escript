#!/usr/bin/env escript
%% Reads and writes logs with OTP's own disk_log.
%%   read FILE TYPE BYTES FILES           prints how it opened and every entry, in base64
%%   append FILE TYPE BYTES FILES FROM TO adds entries of its own, single ones and a list

main(Arguments) ->
    %% Reports of repairs would stand among the entries.
    logger:set_primary_config(level, none),
    run(Arguments).

run(["read", File, Type, Bytes, Files]) ->
    Opened = open(File, Type, Bytes, Files),
    io:format("~s~n", [case element(1, Opened) of ok -> "ok"; repaired -> "repaired " ++ bad(Opened) end]),
    [print(T) || T <- all(disk_log:chunk(log, start), [])],
    ok = disk_log:close(log);
run(["append", File, Type, Bytes, Files, From, To]) ->
    _ = open(File, Type, Bytes, Files),
    [ok = disk_log:log(log, entry(I)) || I <- lists:seq(list_to_integer(From), list_to_integer(To))],
    ok = disk_log:log(log, [entry(1000), {<<"erl1">>, '__tombstone__', 5}, entry(1001)]),
    ok = disk_log:sync(log),
    ok = disk_log:close(log).

open(File, Type, Bytes, Files) ->
    Size = case Type of
        "wrap" -> [{size, {list_to_integer(Bytes), list_to_integer(Files)}}];
        _ -> []
    end,
    R = disk_log:open([{name, log}, {file, File}, {type, list_to_atom(Type)}, {format, internal} | Size]),
    case element(1, R) of
        ok -> R;
        repaired -> R;
        _ -> io:format("~p~n", [R]), halt(3)
    end.

bad({repaired, _, _, {badbytes, B}}) -> integer_to_list(B).

entry(I) -> N = integer_to_binary(I), {<<"erl", N/binary>>, <<"from Erlang ", N/binary>>, 1700000000000 + I}.

all(eof, Acc) -> Acc;
all({error, R}, _) -> io:format("~p~n", [R]), halt(4);
all({C, T}, Acc) -> all(disk_log:chunk(log, C), Acc ++ T);
all({_, _, Bad}, _) -> io:format("bad bytes ~p~n", [Bad]), halt(5).

print(L) when is_list(L) -> [print(T) || T <- L];
print({K, '__tombstone__', _}) -> io:format("~s -~n", [base64:encode(K)]);
print({K, V, _}) -> io:format("~s ~s~n", [base64:encode(K), base64:encode(V)]).
