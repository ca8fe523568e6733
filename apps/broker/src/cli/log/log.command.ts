import { Command } from 'nest-commander';
import { CommandGroup } from '../command-group.js';
import { BackupCommand } from './backup.command.js';
import { DumpCommand } from './dump.command.js';
import { ExportCommand } from './export.command.js';
import { ImportCommand } from './import.command.js';
import { RepairCommand } from './repair.command.js';
import { RestoreCommand } from './restore.command.js';
import { VerifyCommand } from './verify.command.js';

const SUB_COMMANDS = [
  DumpCommand,
  VerifyCommand,
  RepairCommand,
  ImportCommand,
  ExportCommand,
  BackupCommand,
  RestoreCommand,
];

/** `genrocks log`: tools for log directories. None needs a broker. */
@Command({
  name: 'log',
  description: 'Inspect, verify, repair, copy and convert log directories, without a broker',
  subCommands: SUB_COMMANDS,
})
export class LogCommand extends CommandGroup {}

/** The command and its sub-commands, for a module's providers. */
export const LOG_COMMANDS = [LogCommand, ...SUB_COMMANDS];
