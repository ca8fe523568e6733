import { Command } from 'nest-commander';
import { CommandGroup } from '../command-group.js';
import { GroupDeadLettersCommand, GroupRedriveCommand } from './dead-letters.commands.js';
import { GroupDescribeCommand, GroupLagCommand, GroupListCommand } from './look.commands.js';
import { GroupCommitCommand, GroupDeleteCommand, GroupResetCommand } from './offsets.commands.js';

const SUB_COMMANDS = [
  GroupListCommand,
  GroupDescribeCommand,
  GroupLagCommand,
  GroupResetCommand,
  GroupCommitCommand,
  GroupDeleteCommand,
  GroupDeadLettersCommand,
  GroupRedriveCommand,
];

/** `genrocks group`. */
@Command({
  name: 'group',
  description: 'Inspect consumer groups, move their offsets, redrive their dead letters',
  subCommands: SUB_COMMANDS,
})
export class GroupCommand extends CommandGroup {}

/** The command and its sub-commands, for a module's providers. */
export const GROUP_COMMANDS = [GroupCommand, ...SUB_COMMANDS];
