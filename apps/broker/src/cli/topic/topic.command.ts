import { Command } from 'nest-commander';
import { CommandGroup } from '../command-group.js';
import { TopicCreateCommand } from './create.command.js';
import { TopicDescribeCommand } from './describe.command.js';
import { TopicListCommand } from './list.command.js';
import { TopicDeleteCommand, TopicTruncateCommand } from './remove.commands.js';
import { TopicAddPartitionsCommand, TopicStartCommand, TopicStopCommand } from './state.commands.js';

const SUB_COMMANDS = [
  TopicListCommand,
  TopicCreateCommand,
  TopicDescribeCommand,
  TopicDeleteCommand,
  TopicTruncateCommand,
  TopicStopCommand,
  TopicStartCommand,
  TopicAddPartitionsCommand,
];

/** `genrocks topic`. */
@Command({
  name: 'topic',
  description: 'List, create, describe and change topics',
  subCommands: SUB_COMMANDS,
})
export class TopicCommand extends CommandGroup {}

/** The command and its sub-commands, for a module's providers. */
export const TOPIC_COMMANDS = [TopicCommand, ...SUB_COMMANDS];
