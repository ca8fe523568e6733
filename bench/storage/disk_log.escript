#!/usr/bin/env escript
%% Entries a second that Erlang's disk_log takes: FILE WRITERS BATCH BYTES MILLISECONDS SYNC
main([File, W, B, S, Ms, Sync]) ->
  [Writers, Batch, Bytes, Time, Synced] = [list_to_integer(X) || X <- [W, B, S, Ms, Sync]],
  {ok, L} = disk_log:open([{name, bench}, {file, File}, {type, halt}, {format, internal}]),
  Value = binary:copy(<<"v">>, Bytes),
  Self = self(),
  Start = erlang:monotonic_time(millisecond),
  End = Start + Time,
  [spawn_link(fun() -> Self ! {done, loop(L, I, 0, Batch, Value, End, Synced)} end) || I <- lists:seq(1, Writers)],
  Total = lists:sum([receive {done, N} -> N end || _ <- lists:seq(1, Writers)]),
  Elapsed = erlang:monotonic_time(millisecond) - Start,
  disk_log:close(L),
  file:delete(File),
  io:format("~p~n", [Total * 1000 div Elapsed]).

loop(L, I, N, Batch, Value, End, Synced) ->
  case erlang:monotonic_time(millisecond) >= End of
    true -> N;
    false ->
      Terms = [{<<I:32, (N + J):32>>, Value, 1700000000000} || J <- lists:seq(1, Batch)],
      ok = case Terms of [T] -> disk_log:log(L, T); _ -> disk_log:log_terms(L, Terms) end,
      case Synced of 1 -> ok = disk_log:sync(L); 0 -> ok end,
      loop(L, I, N + Batch, Batch, Value, End, Synced)
  end.
