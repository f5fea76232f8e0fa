	switch (t->back) {
	default: Uerror("bad return move");
	case  0: goto R999; /* nothing to undo */

		 /* PROC :init: */
	case 3: // STATE 7
		sv_restor();
		goto R999;

	case 4: // STATE 8
		;
		;
		delproc(0, now._nr_pr-1);
		;
		goto R999;

	case 5: // STATE 9
		;
		;
		delproc(0, now._nr_pr-1);
		;
		goto R999;

	case 6: // STATE 10
		;
		;
		delproc(0, now._nr_pr-1);
		;
		goto R999;

	case 7: // STATE 11
		;
		;
		delproc(0, now._nr_pr-1);
		;
		goto R999;

	case 8: // STATE 12
		;
		;
		delproc(0, now._nr_pr-1);
		;
		goto R999;

	case 9: // STATE 14
		;
		p_restor(II);
		;
		;
		goto R999;

		 /* PROC operator */
;
		;
		
	case 11: // STATE 2
		;
		now.at_rest = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 13: // STATE 4
		;
		XX = 1;
		unrecv(now.reply, XX-1, 0, trpt->bup.ovals[0], 1);
		unrecv(now.reply, XX-1, 1, trpt->bup.ovals[1], 0);
		unrecv(now.reply, XX-1, 2, trpt->bup.ovals[2], 0);
		unrecv(now.reply, XX-1, 3, trpt->bup.ovals[3], 0);
		unrecv(now.reply, XX-1, 4, trpt->bup.ovals[4], 0);
		;
		;
		ungrab_ints(trpt->bup.ovals, 5);
		goto R999;
;
		;
		
	case 15: // STATE 10
		;
		now.stale[0] = trpt->bup.oval;
		;
		goto R999;

	case 16: // STATE 11
		;
		now.stale[1] = trpt->bup.oval;
		;
		goto R999;
;
		;
		;
		;
		
	case 19: // STATE 15
		;
		_m = unsend(now.request[0]);
		;
		goto R999;
;
		;
		
	case 21: // STATE 17
		;
		_m = unsend(now.request[1]);
		;
		goto R999;
;
		;
		
	case 23: // STATE 19
		;
		_m = unsend(now.request[1]);
		;
		goto R999;
;
		;
		
	case 25: // STATE 23
		;
		XX = 1;
		unrecv(now.reply, XX-1, 0, trpt->bup.ovals[0], 1);
		unrecv(now.reply, XX-1, 1, trpt->bup.ovals[1], 0);
		unrecv(now.reply, XX-1, 2, 12, 0);
		unrecv(now.reply, XX-1, 3, trpt->bup.ovals[2], 0);
		unrecv(now.reply, XX-1, 4, trpt->bup.ovals[3], 0);
		;
		;
		ungrab_ints(trpt->bup.ovals, 4);
		goto R999;

	case 26: // STATE 24
		;
		XX = 1;
		unrecv(now.reply, XX-1, 0, trpt->bup.ovals[0], 1);
		unrecv(now.reply, XX-1, 1, trpt->bup.ovals[1], 0);
		unrecv(now.reply, XX-1, 2, 11, 0);
		unrecv(now.reply, XX-1, 3, trpt->bup.ovals[2], 0);
		unrecv(now.reply, XX-1, 4, trpt->bup.ovals[3], 0);
		;
		;
		ungrab_ints(trpt->bup.ovals, 4);
		goto R999;

	case 27: // STATE 25
		;
		_m = unsend(now.request[0]);
		;
		goto R999;
;
		;
		
	case 29: // STATE 27
		;
		XX = 1;
		unrecv(now.reply, XX-1, 0, trpt->bup.ovals[0], 1);
		unrecv(now.reply, XX-1, 1, trpt->bup.ovals[1], 0);
		unrecv(now.reply, XX-1, 2, trpt->bup.ovals[2], 0);
		unrecv(now.reply, XX-1, 3, trpt->bup.ovals[3], 0);
		unrecv(now.reply, XX-1, 4, trpt->bup.ovals[4], 0);
		;
		;
		ungrab_ints(trpt->bup.ovals, 5);
		goto R999;
;
		;
		
	case 31: // STATE 33
		;
		p_restor(II);
		;
		;
		goto R999;

		 /* PROC caller */
;
		;
		
	case 33: // STATE 2
		;
		_m = unsend(now.request[0]);
		;
		goto R999;
;
		;
		
	case 35: // STATE 4
		;
		_m = unsend(now.request[0]);
		;
		goto R999;
;
		;
		
	case 37: // STATE 6
		;
		_m = unsend(now.request[0]);
		;
		goto R999;

	case 38: // STATE 14
		;
		((P2 *)_this)->outcome = trpt->bup.oval;
		;
		goto R999;

	case 39: // STATE 15
		;
		XX = 1;
		unrecv(now.reply, XX-1, 0, ((int)((P2 *)_this)->from), 1);
		unrecv(now.reply, XX-1, 1, ((P2 *)_this)->what, 0);
		unrecv(now.reply, XX-1, 2, ((P2 *)_this)->outcome, 0);
		unrecv(now.reply, XX-1, 3, ((int)((P2 *)_this)->epoch), 0);
		unrecv(now.reply, XX-1, 4, ((int)((P2 *)_this)->digest), 0);
		((P2 *)_this)->from = trpt->bup.ovals[0];
		((P2 *)_this)->what = trpt->bup.ovals[1];
		((P2 *)_this)->outcome = trpt->bup.ovals[2];
		((P2 *)_this)->epoch = trpt->bup.ovals[3];
		((P2 *)_this)->digest = trpt->bup.ovals[4];
		;
		;
		ungrab_ints(trpt->bup.ovals, 5);
		goto R999;

	case 40: // STATE 16
		;
	/* 1 */	((P2 *)_this)->what = trpt->bup.ovals[1];
	/* 0 */	((P2 *)_this)->from = trpt->bup.ovals[0];
		;
		;
		ungrab_ints(trpt->bup.ovals, 2);
		goto R999;

	case 41: // STATE 19
		;
		((P2 *)_this)->outcome = trpt->bup.oval;
		;
		goto R999;

	case 42: // STATE 23
		;
		((P2 *)_this)->outcome = trpt->bup.oval;
		;
		goto R999;

	case 43: // STATE 31
		;
		((P2 *)_this)->ticket_digest = trpt->bup.ovals[2];
		((P2 *)_this)->ticket = trpt->bup.ovals[1];
	/* 0 */	((P2 *)_this)->outcome = trpt->bup.ovals[0];
		;
		;
		ungrab_ints(trpt->bup.ovals, 3);
		goto R999;

	case 44: // STATE 33
		;
	/* 0 */	((P2 *)_this)->outcome = trpt->bup.oval;
		;
		;
		goto R999;

	case 45: // STATE 36
		;
		((P2 *)_this)->tries = trpt->bup.ovals[1];
	/* 0 */	((P2 *)_this)->outcome = trpt->bup.ovals[0];
		;
		;
		ungrab_ints(trpt->bup.ovals, 2);
		goto R999;

	case 46: // STATE 37
		;
	/* 1 */	((P2 *)_this)->tries = trpt->bup.ovals[1];
	/* 0 */	((P2 *)_this)->outcome = trpt->bup.ovals[0];
		;
		;
		ungrab_ints(trpt->bup.ovals, 2);
		goto R999;
;
		;
		
	case 48: // STATE 50
		;
		_m = unsend(now.request[1]);
		;
		goto R999;
;
		;
		
	case 50: // STATE 52
		;
		_m = unsend(now.request[1]);
		;
		goto R999;
;
		;
		
	case 52: // STATE 54
		;
		_m = unsend(now.request[1]);
		;
		goto R999;

	case 53: // STATE 62
		;
		((P2 *)_this)->outcome = trpt->bup.oval;
		;
		goto R999;

	case 54: // STATE 63
		;
	/* 1 */	((P2 *)_this)->digest = trpt->bup.ovals[6];
	/* 0 */	((P2 *)_this)->epoch = trpt->bup.ovals[5];
		XX = 1;
		unrecv(now.reply, XX-1, 0, ((int)((P2 *)_this)->from), 1);
		unrecv(now.reply, XX-1, 1, ((P2 *)_this)->what, 0);
		unrecv(now.reply, XX-1, 2, ((P2 *)_this)->outcome, 0);
		unrecv(now.reply, XX-1, 3, ((int)((P2 *)_this)->epoch), 0);
		unrecv(now.reply, XX-1, 4, ((int)((P2 *)_this)->digest), 0);
		((P2 *)_this)->from = trpt->bup.ovals[0];
		((P2 *)_this)->what = trpt->bup.ovals[1];
		((P2 *)_this)->outcome = trpt->bup.ovals[2];
		((P2 *)_this)->epoch = trpt->bup.ovals[3];
		((P2 *)_this)->digest = trpt->bup.ovals[4];
		;
		;
		ungrab_ints(trpt->bup.ovals, 7);
		goto R999;

	case 55: // STATE 64
		;
	/* 1 */	((P2 *)_this)->what = trpt->bup.ovals[1];
	/* 0 */	((P2 *)_this)->from = trpt->bup.ovals[0];
		;
		;
		ungrab_ints(trpt->bup.ovals, 2);
		goto R999;

	case 56: // STATE 67
		;
		((P2 *)_this)->outcome = trpt->bup.oval;
		;
		goto R999;

	case 57: // STATE 71
		;
		((P2 *)_this)->outcome = trpt->bup.oval;
		;
		goto R999;

	case 58: // STATE 77
		;
	/* 0 */	((P2 *)_this)->outcome = trpt->bup.oval;
		;
		;
		goto R999;

	case 59: // STATE 79
		;
	/* 0 */	((P2 *)_this)->outcome = trpt->bup.oval;
		;
		;
		goto R999;
;
		;
		
	case 61: // STATE 85
		;
		_m = unsend(now.request[0]);
		;
		goto R999;
;
		;
		
	case 63: // STATE 87
		;
		_m = unsend(now.request[0]);
		;
		goto R999;
;
		;
		
	case 65: // STATE 89
		;
		_m = unsend(now.request[0]);
		;
		goto R999;

	case 66: // STATE 97
		;
		((P2 *)_this)->outcome = trpt->bup.oval;
		;
		goto R999;

	case 67: // STATE 98
		;
	/* 2 */	((P2 *)_this)->digest = trpt->bup.ovals[7];
	/* 1 */	((P2 *)_this)->epoch = trpt->bup.ovals[6];
	/* 0 */	((P2 *)_this)->outcome = trpt->bup.ovals[5];
		XX = 1;
		unrecv(now.reply, XX-1, 0, ((int)((P2 *)_this)->from), 1);
		unrecv(now.reply, XX-1, 1, ((P2 *)_this)->what, 0);
		unrecv(now.reply, XX-1, 2, ((P2 *)_this)->outcome, 0);
		unrecv(now.reply, XX-1, 3, ((int)((P2 *)_this)->epoch), 0);
		unrecv(now.reply, XX-1, 4, ((int)((P2 *)_this)->digest), 0);
		((P2 *)_this)->from = trpt->bup.ovals[0];
		((P2 *)_this)->what = trpt->bup.ovals[1];
		((P2 *)_this)->outcome = trpt->bup.ovals[2];
		((P2 *)_this)->epoch = trpt->bup.ovals[3];
		((P2 *)_this)->digest = trpt->bup.ovals[4];
		;
		;
		ungrab_ints(trpt->bup.ovals, 8);
		goto R999;

	case 68: // STATE 99
		;
	/* 1 */	((P2 *)_this)->what = trpt->bup.ovals[1];
	/* 0 */	((P2 *)_this)->from = trpt->bup.ovals[0];
		;
		;
		ungrab_ints(trpt->bup.ovals, 2);
		goto R999;

	case 69: // STATE 102
		;
		((P2 *)_this)->outcome = trpt->bup.oval;
		;
		goto R999;

	case 70: // STATE 106
		;
		((P2 *)_this)->outcome = trpt->bup.oval;
		;
		goto R999;

	case 71: // STATE 112
		;
		now.caller_ended = trpt->bup.oval;
		;
		goto R999;

	case 72: // STATE 113
		;
		p_restor(II);
		;
		;
		goto R999;

		 /* PROC guest */
;
		;
		
	case 74: // STATE 4
		;
		now.nr_writes = trpt->bup.ovals[1];
		now.view[0] = trpt->bup.ovals[0];
		;
		ungrab_ints(trpt->bup.ovals, 2);
		goto R999;
;
		;
		
	case 76: // STATE 11
		;
		now.nr_writes = trpt->bup.ovals[1];
		now.view[1] = trpt->bup.ovals[0];
		;
		ungrab_ints(trpt->bup.ovals, 2);
		goto R999;
;
		;
			case 78: // STATE 22
		sv_restor();
		goto R999;
;
		;
			case 80: // STATE 32
		sv_restor();
		goto R999;

	case 81: // STATE 38
		;
		p_restor(II);
		;
		;
		goto R999;

		 /* PROC server */

	case 82: // STATE 1
		;
		XX = 1;
		unrecv(now.request[ Index(((int)((P0 *)_this)->i), 2) ], XX-1, 0, ((P0 *)_this)->command, 1);
		unrecv(now.request[ Index(((int)((P0 *)_this)->i), 2) ], XX-1, 1, ((int)((P0 *)_this)->ticket), 0);
		unrecv(now.request[ Index(((int)((P0 *)_this)->i), 2) ], XX-1, 2, ((int)((P0 *)_this)->digest), 0);
		((P0 *)_this)->command = trpt->bup.ovals[0];
		((P0 *)_this)->ticket = trpt->bup.ovals[1];
		((P0 *)_this)->digest = trpt->bup.ovals[2];
		;
		;
		ungrab_ints(trpt->bup.ovals, 3);
		goto R999;

	case 83: // STATE 2
		;
	/* 0 */	((P0 *)_this)->command = trpt->bup.oval;
		;
		;
		goto R999;

	case 84: // STATE 4
		;
	/* 0 */	((P0 *)_this)->command = trpt->bup.oval;
		;
		;
		goto R999;
;
		;
		;
		;
		
	case 87: // STATE 7
		;
		_m = unsend(now.reply);
		;
		goto R999;
;
		;
		;
		;
		
	case 90: // STATE 14
		;
		_m = unsend(now.reply);
		;
		goto R999;
;
		;
		
	case 92: // STATE 21
		;
	/* 0 */	((P0 *)_this)->command = trpt->bup.oval;
		;
		;
		goto R999;

	case 93: // STATE 22
		;
	/* 0 */	((P0 *)_this)->ticket = trpt->bup.oval;
		;
		;
		goto R999;
;
		;
		
	case 95: // STATE 24
		;
		_m = unsend(now.reply);
		;
		goto R999;
;
		;
		;
		;
		
	case 98: // STATE 31
		;
		_m = unsend(now.reply);
		;
		goto R999;
;
		;
		
	case 100: // STATE 38
		;
	/* 0 */	((P0 *)_this)->command = trpt->bup.oval;
		;
		;
		goto R999;
;
		;
			case 102: // STATE 55
		sv_restor();
		goto R999;

	case 103: // STATE 61
		;
		now.state[ Index(((P0 *)_this)->i, 2) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
			case 105: // STATE 76
		sv_restor();
		goto R999;
	case 106: // STATE 88
		sv_restor();
		goto R999;
;
		;
			case 108: // STATE 104
		sv_restor();
		goto R999;
	case 109: // STATE 113
		sv_restor();
		goto R999;
;
		;
			case 111: // STATE 128
		sv_restor();
		goto R999;
	case 112: // STATE 139
		sv_restor();
		goto R999;
	case 113: // STATE 143
		sv_restor();
		goto R999;
;
		;
		
	case 115: // STATE 145
		;
		_m = unsend(now.reply);
		;
		goto R999;
;
		;
		
	case 117: // STATE 151
		;
		now.state[ Index(((P0 *)_this)->i, 2) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
			case 119: // STATE 166
		sv_restor();
		goto R999;

	case 120: // STATE 173
		;
		now.lock = trpt->bup.oval;
		;
		goto R999;

	case 121: // STATE 175
		;
		now.state[ Index(((P0 *)_this)->i, 2) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
			case 123: // STATE 194
		sv_restor();
		goto R999;
;
		;
		
	case 125: // STATE 201
		;
		((P0 *)_this)->ok = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 127: // STATE 203
		;
		((P0 *)_this)->ok = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 129: // STATE 205
		;
		((P0 *)_this)->ok = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 131: // STATE 207
		;
		((P0 *)_this)->ok = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 133: // STATE 209
		;
		((P0 *)_this)->ok = trpt->bup.oval;
		;
		goto R999;
;
		;
			case 135: // STATE 227
		sv_restor();
		goto R999;

	case 136: // STATE 233
		;
	/* 0 */	((P0 *)_this)->ok = trpt->bup.oval;
		;
		;
		goto R999;

	case 137: // STATE 238
		;
		now.view[ Index(((P0 *)_this)->i, 2) ] = trpt->bup.oval;
		;
		goto R999;

	case 138: // STATE 239
		;
		now.view[ Index(((P0 *)_this)->i, 2) ] = trpt->bup.oval;
		;
		goto R999;
;
		;
		
	case 140: // STATE 244
		;
	/* 1 */	((P0 *)_this)->digest = trpt->bup.ovals[1];
	/* 0 */	((P0 *)_this)->ticket = trpt->bup.ovals[0];
		;
		;
		ungrab_ints(trpt->bup.ovals, 2);
		goto R999;
;
		;
			case 142: // STATE 263
		sv_restor();
		goto R999;
	case 143: // STATE 279
		sv_restor();
		goto R999;
;
		;
			case 145: // STATE 294
		sv_restor();
		goto R999;
	case 146: // STATE 304
		sv_restor();
		goto R999;
;
		;
		
	case 148: // STATE 306
		;
		_m = unsend(now.reply);
		;
		goto R999;
;
		;
			case 150: // STATE 319
		sv_restor();
		goto R999;
;
		;
		
	case 152: // STATE 321
		;
		_m = unsend(now.reply);
		;
		goto R999;
;
		;
		
	case 154: // STATE 327
		;
		XX = 1;
		unrecv(now.request[ Index(((int)((P0 *)_this)->i), 2) ], XX-1, 0, trpt->bup.ovals[0], 1);
		unrecv(now.request[ Index(((int)((P0 *)_this)->i), 2) ], XX-1, 1, trpt->bup.ovals[1], 0);
		unrecv(now.request[ Index(((int)((P0 *)_this)->i), 2) ], XX-1, 2, trpt->bup.ovals[2], 0);
		;
		;
		ungrab_ints(trpt->bup.ovals, 3);
		goto R999;
;
		;
		
	case 156: // STATE 329
		;
		now.state[ Index(((P0 *)_this)->i, 2) ] = trpt->bup.oval;
		;
		goto R999;

	case 157: // STATE 334
		;
		p_restor(II);
		;
		;
		goto R999;
	}

