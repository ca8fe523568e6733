import type { DeadLetterDto, RedriveResultDto } from '../../dead-letters/dead-letters.dto.js';
import type { GroupDto, GroupSummaryDto, OffsetCommitDto } from '../../groups/groups.dto.js';
import type { MessageDto, MessagePageDto, ReceiptDto } from '../../messages/messages.dto.js';
import type { PartitionOffsetDto } from '../../topics/topic-state.dto.js';
import type { TopicDto } from '../../topics/topics.dto.js';

/** Bodies of the HTTP API, with the fields that commands use. */
export type TopicJson = TopicDto;
export type GroupJson = GroupDto;
export type GroupSummaryJson = GroupSummaryDto;
export type MessageJson = MessageDto;
export type PageJson = MessagePageDto;
export type ReceiptJson = ReceiptDto;
export type OffsetJson = OffsetCommitDto;
export type PartitionOffsetJson = PartitionOffsetDto;
export type DeadLetterJson = DeadLetterDto;
export type RedriveJson = RedriveResultDto;

/** Selects dead letters. */
export interface DeadLetterFilterJson {
  readonly topic?: string;
  readonly group?: string;
  readonly key?: string;
  readonly since?: number;
  readonly until?: number;
  readonly limit?: number;
}
