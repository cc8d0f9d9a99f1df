/** Rows of the back offices' lists. */

export interface Agent {
  uid: number;
  username: string;
  nickname: string;
  avatar: string;
  status: number;
  group_id: number;
  group_name: string;
  online: number;
  last_online_time: number;
}

export interface Group {
  group_id: number;
  group_name: string;
  desc: string;
}

export interface Keyword {
  id: number;
  keyword: string;
  content: string;
  is_use: number;
}

export interface QuickReply {
  id: number;
  content: string;
}
