#define rand	pan_rand
#define pthread_equal(a,b)	((a)==(b))
#if defined(HAS_CODE) && defined(VERBOSE)
	#ifdef BFS_PAR
		bfs_printf("Pr: %d Tr: %d\n", II, t->forw);
	#else
		cpu_printf("Pr: %d Tr: %d\n", II, t->forw);
	#endif
#endif
	switch (t->forw) {
	default: Uerror("bad forward move");
	case 0:	/* if without executable clauses */
		continue;
	case 1: /* generic 'goto' or 'skip' */
		IfNotBlocked
		_m = 3; goto P999;
	case 2: /* generic 'else' */
		IfNotBlocked
		if (trpt->o_pm&1) continue;
		_m = 3; goto P999;

		 /* PROC :init: */
	case 3: // STATE 7 - handover.pml:454 - [D_STEP454]
		IfNotBlocked

		reached[4][7] = 1;
		reached[4][t->st] = 1;
		reached[4][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_518_0: /* 2 */
		now.lock = 0;
#ifdef VAR_RANGES
		logval("lock", ((int)now.lock));
#endif
		;
S_519_0: /* 2 */
		now.rec = 6;
#ifdef VAR_RANGES
		logval("rec", now.rec);
#endif
		;
S_520_0: /* 2 */
		now.rec_epoch = 1;
#ifdef VAR_RANGES
		logval("rec_epoch", ((int)now.rec_epoch));
#endif
		;
S_521_0: /* 2 */
		now.rec_owner = 0;
#ifdef VAR_RANGES
		logval("rec_owner", ((int)now.rec_owner));
#endif
		;
S_522_0: /* 2 */
		now.held_epoch[0] = 1;
#ifdef VAR_RANGES
		logval("held_epoch[0]", ((int)now.held_epoch[0]));
#endif
		;
S_523_0: /* 2 */
		now.state[0] = 2;
#ifdef VAR_RANGES
		logval("state[0]", now.state[0]);
#endif
		;
		goto S_530_0;
S_530_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 4: // STATE 8 - handover.pml:459 - [(run server(0))] (0:0:0 - 1)
		IfNotBlocked
		reached[4][8] = 1;
		if (!(addproc(II, 1, 0, 0)))
			continue;
		_m = 3; goto P999; /* 0 */
	case 5: // STATE 9 - handover.pml:459 - [(run server(1))] (0:0:0 - 1)
		IfNotBlocked
		reached[4][9] = 1;
		if (!(addproc(II, 1, 0, 1)))
			continue;
		_m = 3; goto P999; /* 0 */
	case 6: // STATE 10 - handover.pml:459 - [(run guest())] (0:0:0 - 1)
		IfNotBlocked
		reached[4][10] = 1;
		if (!(addproc(II, 1, 1, 0)))
			continue;
		_m = 3; goto P999; /* 0 */
	case 7: // STATE 11 - handover.pml:459 - [(run caller())] (0:0:0 - 1)
		IfNotBlocked
		reached[4][11] = 1;
		if (!(addproc(II, 1, 2, 0)))
			continue;
		_m = 3; goto P999; /* 0 */
	case 8: // STATE 12 - handover.pml:460 - [(run operator())] (0:0:0 - 1)
		IfNotBlocked
		reached[4][12] = 1;
		if (!(addproc(II, 1, 3, 0)))
			continue;
		_m = 3; goto P999; /* 0 */
	case 9: // STATE 14 - handover.pml:462 - [-end-] (0:0:0 - 1)
		IfNotBlocked
		reached[4][14] = 1;
		if (!delproc(1, II)) continue;
		_m = 3; goto P999; /* 0 */

		 /* PROC operator */
	case 10: // STATE 1 - handover.pml:420 - [(caller_ended)] (0:0:0 - 1)
		IfNotBlocked
		reached[3][1] = 1;
		if (!(((int)now.caller_ended)))
			continue;
		_m = 3; goto P999; /* 0 */
	case 11: // STATE 2 - handover.pml:421 - [at_rest = 1] (0:0:1 - 1)
		IfNotBlocked
		reached[3][2] = 1;
		(trpt+1)->bup.oval = ((int)now.at_rest);
		now.at_rest = 1;
#ifdef VAR_RANGES
		logval("at_rest", ((int)now.at_rest));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 12: // STATE 3 - handover.pml:425 - [((((empty(request[0])&&empty(request[1]))&&((state[0]==inactive)||(state[0]==serving)))&&((state[1]==inactive)||(state[1]==serving))))] (0:0:0 - 1)
		IfNotBlocked
		reached[3][3] = 1;
		if (!(((((q_len(now.request[0])==0)&&(q_len(now.request[1])==0))&&((now.state[0]==4)||(now.state[0]==2)))&&((now.state[1]==4)||(now.state[1]==2)))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 13: // STATE 4 - handover.pml:427 - [reply?_,_,_,_,_] (0:0:5 - 1)
		reached[3][4] = 1;
		if (q_len(now.reply) == 0) continue;

		XX=1;
		(trpt+1)->bup.ovals = grab_ints(5);
		(trpt+1)->bup.ovals[0] = qrecv(now.reply, XX-1, 0, 0);
		(trpt+1)->bup.ovals[1] = qrecv(now.reply, XX-1, 1, 0);
		(trpt+1)->bup.ovals[2] = qrecv(now.reply, XX-1, 2, 0);
		(trpt+1)->bup.ovals[3] = qrecv(now.reply, XX-1, 3, 0);
		(trpt+1)->bup.ovals[4] = qrecv(now.reply, XX-1, 4, 0);
		;
		qrecv(now.reply, XX-1, 0, 0);
		qrecv(now.reply, XX-1, 1, 0);
		qrecv(now.reply, XX-1, 2, 0);
		qrecv(now.reply, XX-1, 3, 0);
		qrecv(now.reply, XX-1, 4, 1);
		
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[32];
			sprintf(simvals, "%d?", now.reply);
		sprintf(simtmp, "%d", ((int)_)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)_)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)_)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)_)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)_)); strcat(simvals, simtmp);		}
#endif
		;
		_m = 4; goto P999; /* 0 */
	case 14: // STATE 5 - handover.pml:428 - [(empty(reply))] (0:0:0 - 1)
		IfNotBlocked
		reached[3][5] = 1;
		if (!((q_len(now.reply)==0)))
			continue;
		_m = 3; goto P999; /* 0 */
	case 15: // STATE 10 - handover.pml:430 - [stale[0] = disk] (0:0:1 - 3)
		IfNotBlocked
		reached[3][10] = 1;
		(trpt+1)->bup.oval = ((int)now.stale[0]);
		now.stale[0] = ((int)now.disk);
#ifdef VAR_RANGES
		logval("stale[0]", ((int)now.stale[0]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 16: // STATE 11 - handover.pml:431 - [stale[1] = disk] (0:0:1 - 1)
		IfNotBlocked
		reached[3][11] = 1;
		(trpt+1)->bup.oval = ((int)now.stale[1]);
		now.stale[1] = ((int)now.disk);
#ifdef VAR_RANGES
		logval("stale[1]", ((int)now.stale[1]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 17: // STATE 12 - handover.pml:433 - [(((state[0]==serving)||(state[1]==serving)))] (0:0:0 - 1)
		IfNotBlocked
		reached[3][12] = 1;
		if (!(((now.state[0]==2)||(now.state[1]==2))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 18: // STATE 14 - handover.pml:436 - [(((rec==held)&&(rec_owner==0)))] (0:0:0 - 1)
		IfNotBlocked
		reached[3][14] = 1;
		if (!(((now.rec==6)&&(((int)now.rec_owner)==0))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 19: // STATE 15 - handover.pml:436 - [request[0]!do_activate,0,0] (0:0:0 - 1)
		IfNotBlocked
		reached[3][15] = 1;
		if (q_full(now.request[0]))
			continue;
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[64];
			sprintf(simvals, "%d!", now.request[0]);
		sprintf(simtmp, "%d", 9); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		}
#endif
		
		qsend(now.request[0], 0, 9, 0, 0, 0, 0, 3);
		_m = 2; goto P999; /* 0 */
	case 20: // STATE 16 - handover.pml:437 - [(((rec==held)&&(rec_owner==1)))] (0:0:0 - 1)
		IfNotBlocked
		reached[3][16] = 1;
		if (!(((now.rec==6)&&(((int)now.rec_owner)==1))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 21: // STATE 17 - handover.pml:437 - [request[1]!do_activate,0,0] (0:0:0 - 1)
		IfNotBlocked
		reached[3][17] = 1;
		if (q_full(now.request[1]))
			continue;
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[64];
			sprintf(simvals, "%d!", now.request[1]);
		sprintf(simtmp, "%d", 9); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		}
#endif
		
		qsend(now.request[1], 0, 9, 0, 0, 0, 0, 3);
		_m = 2; goto P999; /* 0 */
	case 22: // STATE 18 - handover.pml:438 - [((rec!=held))] (0:0:0 - 1)
		IfNotBlocked
		reached[3][18] = 1;
		if (!((now.rec!=6)))
			continue;
		_m = 3; goto P999; /* 0 */
	case 23: // STATE 19 - handover.pml:438 - [request[1]!do_activate,0,0] (0:0:0 - 1)
		IfNotBlocked
		reached[3][19] = 1;
		if (q_full(now.request[1]))
			continue;
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[64];
			sprintf(simvals, "%d!", now.request[1]);
		sprintf(simtmp, "%d", 9); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		}
#endif
		
		qsend(now.request[1], 0, 9, 0, 0, 0, 0, 3);
		_m = 2; goto P999; /* 0 */
	case 24: // STATE 22 - handover.pml:440 - [(nempty(reply))] (0:0:0 - 4)
		IfNotBlocked
		reached[3][22] = 1;
		if (!((q_len(now.reply)>0)))
			continue;
		_m = 3; goto P999; /* 0 */
	case 25: // STATE 23 - handover.pml:442 - [reply?_,_,done,_,_] (0:0:4 - 1)
		reached[3][23] = 1;
		if (q_len(now.reply) == 0) continue;

		XX=1;
		if (12 != qrecv(now.reply, 0, 2, 0)) continue;
		(trpt+1)->bup.ovals = grab_ints(4);
		(trpt+1)->bup.ovals[0] = qrecv(now.reply, XX-1, 0, 0);
		(trpt+1)->bup.ovals[1] = qrecv(now.reply, XX-1, 1, 0);
		(trpt+1)->bup.ovals[2] = qrecv(now.reply, XX-1, 3, 0);
		(trpt+1)->bup.ovals[3] = qrecv(now.reply, XX-1, 4, 0);
		;
		qrecv(now.reply, XX-1, 0, 0);
		qrecv(now.reply, XX-1, 1, 0);
		qrecv(now.reply, XX-1, 3, 0);
		qrecv(now.reply, XX-1, 4, 1);
		
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[32];
			sprintf(simvals, "%d?", now.reply);
		sprintf(simtmp, "%d", ((int)_)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)_)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 12); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)_)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)_)); strcat(simvals, simtmp);		}
#endif
		;
		_m = 4; goto P999; /* 0 */
	case 26: // STATE 24 - handover.pml:443 - [reply?_,_,refused,_,_] (0:0:4 - 1)
		reached[3][24] = 1;
		if (q_len(now.reply) == 0) continue;

		XX=1;
		if (11 != qrecv(now.reply, 0, 2, 0)) continue;
		(trpt+1)->bup.ovals = grab_ints(4);
		(trpt+1)->bup.ovals[0] = qrecv(now.reply, XX-1, 0, 0);
		(trpt+1)->bup.ovals[1] = qrecv(now.reply, XX-1, 1, 0);
		(trpt+1)->bup.ovals[2] = qrecv(now.reply, XX-1, 3, 0);
		(trpt+1)->bup.ovals[3] = qrecv(now.reply, XX-1, 4, 0);
		;
		qrecv(now.reply, XX-1, 0, 0);
		qrecv(now.reply, XX-1, 1, 0);
		qrecv(now.reply, XX-1, 3, 0);
		qrecv(now.reply, XX-1, 4, 1);
		
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[32];
			sprintf(simvals, "%d?", now.reply);
		sprintf(simtmp, "%d", ((int)_)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)_)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 11); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)_)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)_)); strcat(simvals, simtmp);		}
#endif
		;
		_m = 4; goto P999; /* 0 */
	case 27: // STATE 25 - handover.pml:443 - [request[0]!do_activate,0,0] (0:0:0 - 1)
		IfNotBlocked
		reached[3][25] = 1;
		if (q_full(now.request[0]))
			continue;
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[64];
			sprintf(simvals, "%d!", now.request[0]);
		sprintf(simtmp, "%d", 9); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		}
#endif
		
		qsend(now.request[0], 0, 9, 0, 0, 0, 0, 3);
		_m = 2; goto P999; /* 0 */
	case 28: // STATE 26 - handover.pml:444 - [(nempty(reply))] (0:0:0 - 1)
		IfNotBlocked
		reached[3][26] = 1;
		if (!((q_len(now.reply)>0)))
			continue;
		_m = 3; goto P999; /* 0 */
	case 29: // STATE 27 - handover.pml:445 - [reply?_,_,_,_,_] (0:0:5 - 1)
		reached[3][27] = 1;
		if (q_len(now.reply) == 0) continue;

		XX=1;
		(trpt+1)->bup.ovals = grab_ints(5);
		(trpt+1)->bup.ovals[0] = qrecv(now.reply, XX-1, 0, 0);
		(trpt+1)->bup.ovals[1] = qrecv(now.reply, XX-1, 1, 0);
		(trpt+1)->bup.ovals[2] = qrecv(now.reply, XX-1, 2, 0);
		(trpt+1)->bup.ovals[3] = qrecv(now.reply, XX-1, 3, 0);
		(trpt+1)->bup.ovals[4] = qrecv(now.reply, XX-1, 4, 0);
		;
		qrecv(now.reply, XX-1, 0, 0);
		qrecv(now.reply, XX-1, 1, 0);
		qrecv(now.reply, XX-1, 2, 0);
		qrecv(now.reply, XX-1, 3, 0);
		qrecv(now.reply, XX-1, 4, 1);
		
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[32];
			sprintf(simvals, "%d?", now.reply);
		sprintf(simtmp, "%d", ((int)_)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)_)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)_)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)_)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)_)); strcat(simvals, simtmp);		}
#endif
		;
		_m = 4; goto P999; /* 0 */
	case 30: // STATE 32 - handover.pml:448 - [assert(((state[0]==serving)!=(state[1]==serving)))] (0:0:0 - 5)
		IfNotBlocked
		reached[3][32] = 1;
		spin_assert(((now.state[0]==2)!=(now.state[1]==2)), "((state[0]==2)!=(state[1]==2))", II, tt, t);
		_m = 3; goto P999; /* 0 */
	case 31: // STATE 33 - handover.pml:449 - [-end-] (0:0:0 - 1)
		IfNotBlocked
		reached[3][33] = 1;
		if (!delproc(1, II)) continue;
		_m = 3; goto P999; /* 0 */

		 /* PROC caller */
	case 32: // STATE 1 - handover.pml:349 - [(nfull(request[0]))] (0:0:0 - 1)
		IfNotBlocked
		reached[2][1] = 1;
		if (!((!q_full(now.request[0]))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 33: // STATE 2 - handover.pml:349 - [request[0]!10,0,0] (0:0:0 - 1)
		IfNotBlocked
		reached[2][2] = 1;
		if (q_full(now.request[0]))
			continue;
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[64];
			sprintf(simvals, "%d!", now.request[0]);
		sprintf(simtmp, "%d", 10); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		}
#endif
		
		qsend(now.request[0], 0, 10, 0, 0, 0, 0, 3);
		_m = 2; goto P999; /* 0 */
	case 34: // STATE 3 - handover.pml:350 - [((nfull(request[0])&&!(at_rest)))] (0:0:0 - 1)
		IfNotBlocked
		reached[2][3] = 1;
		if (!(((!q_full(now.request[0]))&& !(((int)now.at_rest)))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 35: // STATE 4 - handover.pml:351 - [request[0]!10,0,0] (0:0:0 - 1)
		IfNotBlocked
		reached[2][4] = 1;
		if (q_full(now.request[0]))
			continue;
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[64];
			sprintf(simvals, "%d!", now.request[0]);
		sprintf(simtmp, "%d", 10); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		}
#endif
		
		qsend(now.request[0], 0, 10, 0, 0, 0, 0, 3);
		_m = 2; goto P999; /* 0 */
	case 36: // STATE 5 - handover.pml:353 - [(nfull(request[0]))] (0:0:0 - 1)
		IfNotBlocked
		reached[2][5] = 1;
		if (!((!q_full(now.request[0]))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 37: // STATE 6 - handover.pml:353 - [request[0]!10,0,0] (0:0:0 - 1)
		IfNotBlocked
		reached[2][6] = 1;
		if (q_full(now.request[0]))
			continue;
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[64];
			sprintf(simvals, "%d!", now.request[0]);
		sprintf(simtmp, "%d", 10); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		}
#endif
		
		qsend(now.request[0], 0, 10, 0, 0, 0, 0, 3);
		_m = 2; goto P999; /* 0 */
	case 38: // STATE 14 - handover.pml:363 - [outcome = 0] (0:0:1 - 1)
		IfNotBlocked
		reached[2][14] = 1;
		(trpt+1)->bup.oval = ((P2 *)_this)->outcome;
		((P2 *)_this)->outcome = 0;
#ifdef VAR_RANGES
		logval("caller:outcome", ((P2 *)_this)->outcome);
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 39: // STATE 15 - handover.pml:365 - [reply?from,what,outcome,epoch,digest] (0:0:5 - 1)
		reached[2][15] = 1;
		if (q_len(now.reply) == 0) continue;

		XX=1;
		(trpt+1)->bup.ovals = grab_ints(5);
		(trpt+1)->bup.ovals[0] = ((int)((P2 *)_this)->from);
		(trpt+1)->bup.ovals[1] = ((P2 *)_this)->what;
		(trpt+1)->bup.ovals[2] = ((P2 *)_this)->outcome;
		(trpt+1)->bup.ovals[3] = ((int)((P2 *)_this)->epoch);
		(trpt+1)->bup.ovals[4] = ((int)((P2 *)_this)->digest);
		;
		((P2 *)_this)->from = qrecv(now.reply, XX-1, 0, 0);
#ifdef VAR_RANGES
		logval("caller:from", ((int)((P2 *)_this)->from));
#endif
		;
		((P2 *)_this)->what = qrecv(now.reply, XX-1, 1, 0);
#ifdef VAR_RANGES
		logval("caller:what", ((P2 *)_this)->what);
#endif
		;
		((P2 *)_this)->outcome = qrecv(now.reply, XX-1, 2, 0);
#ifdef VAR_RANGES
		logval("caller:outcome", ((P2 *)_this)->outcome);
#endif
		;
		((P2 *)_this)->epoch = qrecv(now.reply, XX-1, 3, 0);
#ifdef VAR_RANGES
		logval("caller:epoch", ((int)((P2 *)_this)->epoch));
#endif
		;
		((P2 *)_this)->digest = qrecv(now.reply, XX-1, 4, 1);
#ifdef VAR_RANGES
		logval("caller:digest", ((int)((P2 *)_this)->digest));
#endif
		;
		
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[32];
			sprintf(simvals, "%d?", now.reply);
		sprintf(simtmp, "%d", ((int)((P2 *)_this)->from)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((P2 *)_this)->what); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((P2 *)_this)->outcome); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)((P2 *)_this)->epoch)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)((P2 *)_this)->digest)); strcat(simvals, simtmp);		}
#endif
		;
		_m = 4; goto P999; /* 0 */
	case 40: // STATE 16 - handover.pml:367 - [(((from==0)&&(what==10)))] (0:0:2 - 1)
		IfNotBlocked
		reached[2][16] = 1;
		if (!(((((int)((P2 *)_this)->from)==0)&&(((P2 *)_this)->what==10))))
			continue;
		if (TstOnly) return 1; /* TT */
		/* dead 1: from */  (trpt+1)->bup.ovals = grab_ints(2);
		(trpt+1)->bup.ovals[0] = ((P2 *)_this)->from;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P2 *)_this)->from = 0;
		if (TstOnly) return 1; /* TT */
		/* dead 1: what */  (trpt+1)->bup.ovals[1] = ((P2 *)_this)->what;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P2 *)_this)->what = 0;
		_m = 3; goto P999; /* 0 */
	case 41: // STATE 19 - handover.pml:368 - [outcome = 0] (0:0:1 - 1)
		IfNotBlocked
		reached[2][19] = 1;
		(trpt+1)->bup.oval = ((P2 *)_this)->outcome;
		((P2 *)_this)->outcome = 0;
#ifdef VAR_RANGES
		logval("caller:outcome", ((P2 *)_this)->outcome);
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 42: // STATE 22 - handover.pml:370 - [(1)] (39:0:1 - 1)
		IfNotBlocked
		reached[2][22] = 1;
		if (!(1))
			continue;
		/* merge: outcome = 0(0, 23, 39) */
		reached[2][23] = 1;
		(trpt+1)->bup.oval = ((P2 *)_this)->outcome;
		((P2 *)_this)->outcome = 0;
#ifdef VAR_RANGES
		logval("caller:outcome", ((P2 *)_this)->outcome);
#endif
		;
		/* merge: goto :b4(0, 24, 39) */
		reached[2][24] = 1;
		;
		_m = 3; goto P999; /* 2 */
	case 43: // STATE 29 - handover.pml:385 - [((outcome==done))] (47:0:3 - 1)
		IfNotBlocked
		reached[2][29] = 1;
		if (!((((P2 *)_this)->outcome==12)))
			continue;
		if (TstOnly) return 1; /* TT */
		/* dead 1: outcome */  (trpt+1)->bup.ovals = grab_ints(3);
		(trpt+1)->bup.ovals[0] = ((P2 *)_this)->outcome;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P2 *)_this)->outcome = 0;
		/* merge: ticket = epoch(47, 30, 47) */
		reached[2][30] = 1;
		(trpt+1)->bup.ovals[1] = ((int)((P2 *)_this)->ticket);
		((P2 *)_this)->ticket = ((int)((P2 *)_this)->epoch);
#ifdef VAR_RANGES
		logval("caller:ticket", ((int)((P2 *)_this)->ticket));
#endif
		;
		/* merge: ticket_digest = digest(47, 31, 47) */
		reached[2][31] = 1;
		(trpt+1)->bup.ovals[2] = ((int)((P2 *)_this)->ticket_digest);
		((P2 *)_this)->ticket_digest = ((int)((P2 *)_this)->digest);
#ifdef VAR_RANGES
		logval("caller:ticket_digest", ((int)((P2 *)_this)->ticket_digest));
#endif
		;
		/* merge: goto :b3(0, 32, 47) */
		reached[2][32] = 1;
		;
		_m = 3; goto P999; /* 3 */
	case 44: // STATE 33 - handover.pml:386 - [((outcome==refused))] (0:0:1 - 1)
		IfNotBlocked
		reached[2][33] = 1;
		if (!((((P2 *)_this)->outcome==11)))
			continue;
		if (TstOnly) return 1; /* TT */
		/* dead 1: outcome */  (trpt+1)->bup.oval = ((P2 *)_this)->outcome;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P2 *)_this)->outcome = 0;
		_m = 3; goto P999; /* 0 */
	case 45: // STATE 35 - handover.pml:387 - [(((outcome==0)&&(tries<1)))] (42:0:2 - 1)
		IfNotBlocked
		reached[2][35] = 1;
		if (!(((((P2 *)_this)->outcome==0)&&(((int)((P2 *)_this)->tries)<1))))
			continue;
		if (TstOnly) return 1; /* TT */
		/* dead 1: outcome */  (trpt+1)->bup.ovals = grab_ints(2);
		(trpt+1)->bup.ovals[0] = ((P2 *)_this)->outcome;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P2 *)_this)->outcome = 0;
		/* merge: tries = (tries+1)(0, 36, 42) */
		reached[2][36] = 1;
		(trpt+1)->bup.ovals[1] = ((int)((P2 *)_this)->tries);
		((P2 *)_this)->tries = (((int)((P2 *)_this)->tries)+1);
#ifdef VAR_RANGES
		logval("caller:tries", ((int)((P2 *)_this)->tries));
#endif
		;
		/* merge: .(goto)(0, 40, 42) */
		reached[2][40] = 1;
		;
		/* merge: .(goto)(0, 43, 42) */
		reached[2][43] = 1;
		;
		_m = 3; goto P999; /* 3 */
	case 46: // STATE 37 - handover.pml:388 - [(((outcome==0)&&(tries>=1)))] (0:0:2 - 1)
		IfNotBlocked
		reached[2][37] = 1;
		if (!(((((P2 *)_this)->outcome==0)&&(((int)((P2 *)_this)->tries)>=1))))
			continue;
		if (TstOnly) return 1; /* TT */
		/* dead 1: outcome */  (trpt+1)->bup.ovals = grab_ints(2);
		(trpt+1)->bup.ovals[0] = ((P2 *)_this)->outcome;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P2 *)_this)->outcome = 0;
		if (TstOnly) return 1; /* TT */
		/* dead 1: tries */  (trpt+1)->bup.ovals[1] = ((P2 *)_this)->tries;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P2 *)_this)->tries = 0;
		_m = 3; goto P999; /* 0 */
	case 47: // STATE 49 - handover.pml:349 - [(nfull(request[1]))] (0:0:0 - 1)
		IfNotBlocked
		reached[2][49] = 1;
		if (!((!q_full(now.request[1]))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 48: // STATE 50 - handover.pml:349 - [request[1]!9,ticket,ticket_digest] (0:0:0 - 1)
		IfNotBlocked
		reached[2][50] = 1;
		if (q_full(now.request[1]))
			continue;
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[64];
			sprintf(simvals, "%d!", now.request[1]);
		sprintf(simtmp, "%d", 9); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)((P2 *)_this)->ticket)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)((P2 *)_this)->ticket_digest)); strcat(simvals, simtmp);		}
#endif
		
		qsend(now.request[1], 0, 9, ((int)((P2 *)_this)->ticket), ((int)((P2 *)_this)->ticket_digest), 0, 0, 3);
		_m = 2; goto P999; /* 0 */
	case 49: // STATE 51 - handover.pml:350 - [((nfull(request[1])&&!(at_rest)))] (0:0:0 - 1)
		IfNotBlocked
		reached[2][51] = 1;
		if (!(((!q_full(now.request[1]))&& !(((int)now.at_rest)))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 50: // STATE 52 - handover.pml:351 - [request[1]!9,ticket,ticket_digest] (0:0:0 - 1)
		IfNotBlocked
		reached[2][52] = 1;
		if (q_full(now.request[1]))
			continue;
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[64];
			sprintf(simvals, "%d!", now.request[1]);
		sprintf(simtmp, "%d", 9); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)((P2 *)_this)->ticket)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)((P2 *)_this)->ticket_digest)); strcat(simvals, simtmp);		}
#endif
		
		qsend(now.request[1], 0, 9, ((int)((P2 *)_this)->ticket), ((int)((P2 *)_this)->ticket_digest), 0, 0, 3);
		_m = 2; goto P999; /* 0 */
	case 51: // STATE 53 - handover.pml:353 - [(nfull(request[1]))] (0:0:0 - 1)
		IfNotBlocked
		reached[2][53] = 1;
		if (!((!q_full(now.request[1]))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 52: // STATE 54 - handover.pml:353 - [request[1]!9,ticket,ticket_digest] (0:0:0 - 1)
		IfNotBlocked
		reached[2][54] = 1;
		if (q_full(now.request[1]))
			continue;
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[64];
			sprintf(simvals, "%d!", now.request[1]);
		sprintf(simtmp, "%d", 9); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)((P2 *)_this)->ticket)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)((P2 *)_this)->ticket_digest)); strcat(simvals, simtmp);		}
#endif
		
		qsend(now.request[1], 0, 9, ((int)((P2 *)_this)->ticket), ((int)((P2 *)_this)->ticket_digest), 0, 0, 3);
		_m = 2; goto P999; /* 0 */
	case 53: // STATE 62 - handover.pml:363 - [outcome = 0] (0:0:1 - 1)
		IfNotBlocked
		reached[2][62] = 1;
		(trpt+1)->bup.oval = ((P2 *)_this)->outcome;
		((P2 *)_this)->outcome = 0;
#ifdef VAR_RANGES
		logval("caller:outcome", ((P2 *)_this)->outcome);
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 54: // STATE 63 - handover.pml:365 - [reply?from,what,outcome,epoch,digest] (0:0:7 - 1)
		reached[2][63] = 1;
		if (q_len(now.reply) == 0) continue;

		XX=1;
		(trpt+1)->bup.ovals = grab_ints(7);
		(trpt+1)->bup.ovals[0] = ((int)((P2 *)_this)->from);
		(trpt+1)->bup.ovals[1] = ((P2 *)_this)->what;
		(trpt+1)->bup.ovals[2] = ((P2 *)_this)->outcome;
		(trpt+1)->bup.ovals[3] = ((int)((P2 *)_this)->epoch);
		(trpt+1)->bup.ovals[4] = ((int)((P2 *)_this)->digest);
		;
		((P2 *)_this)->from = qrecv(now.reply, XX-1, 0, 0);
#ifdef VAR_RANGES
		logval("caller:from", ((int)((P2 *)_this)->from));
#endif
		;
		((P2 *)_this)->what = qrecv(now.reply, XX-1, 1, 0);
#ifdef VAR_RANGES
		logval("caller:what", ((P2 *)_this)->what);
#endif
		;
		((P2 *)_this)->outcome = qrecv(now.reply, XX-1, 2, 0);
#ifdef VAR_RANGES
		logval("caller:outcome", ((P2 *)_this)->outcome);
#endif
		;
		((P2 *)_this)->epoch = qrecv(now.reply, XX-1, 3, 0);
#ifdef VAR_RANGES
		logval("caller:epoch", ((int)((P2 *)_this)->epoch));
#endif
		;
		((P2 *)_this)->digest = qrecv(now.reply, XX-1, 4, 1);
#ifdef VAR_RANGES
		logval("caller:digest", ((int)((P2 *)_this)->digest));
#endif
		;
		
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[32];
			sprintf(simvals, "%d?", now.reply);
		sprintf(simtmp, "%d", ((int)((P2 *)_this)->from)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((P2 *)_this)->what); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((P2 *)_this)->outcome); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)((P2 *)_this)->epoch)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)((P2 *)_this)->digest)); strcat(simvals, simtmp);		}
#endif
		;
		if (TstOnly) return 1; /* TT */
		/* dead 2: epoch */  (trpt+1)->bup.ovals[5] = ((P2 *)_this)->epoch;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P2 *)_this)->epoch = 0;
		if (TstOnly) return 1; /* TT */
		/* dead 2: digest */  (trpt+1)->bup.ovals[6] = ((P2 *)_this)->digest;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P2 *)_this)->digest = 0;
		_m = 4; goto P999; /* 0 */
	case 55: // STATE 64 - handover.pml:367 - [(((from==1)&&(what==9)))] (0:0:2 - 1)
		IfNotBlocked
		reached[2][64] = 1;
		if (!(((((int)((P2 *)_this)->from)==1)&&(((P2 *)_this)->what==9))))
			continue;
		if (TstOnly) return 1; /* TT */
		/* dead 1: from */  (trpt+1)->bup.ovals = grab_ints(2);
		(trpt+1)->bup.ovals[0] = ((P2 *)_this)->from;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P2 *)_this)->from = 0;
		if (TstOnly) return 1; /* TT */
		/* dead 1: what */  (trpt+1)->bup.ovals[1] = ((P2 *)_this)->what;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P2 *)_this)->what = 0;
		_m = 3; goto P999; /* 0 */
	case 56: // STATE 67 - handover.pml:368 - [outcome = 0] (0:0:1 - 1)
		IfNotBlocked
		reached[2][67] = 1;
		(trpt+1)->bup.oval = ((P2 *)_this)->outcome;
		((P2 *)_this)->outcome = 0;
#ifdef VAR_RANGES
		logval("caller:outcome", ((P2 *)_this)->outcome);
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 57: // STATE 70 - handover.pml:370 - [(1)] (82:0:1 - 1)
		IfNotBlocked
		reached[2][70] = 1;
		if (!(1))
			continue;
		/* merge: outcome = 0(0, 71, 82) */
		reached[2][71] = 1;
		(trpt+1)->bup.oval = ((P2 *)_this)->outcome;
		((P2 *)_this)->outcome = 0;
#ifdef VAR_RANGES
		logval("caller:outcome", ((P2 *)_this)->outcome);
#endif
		;
		/* merge: goto :b5(0, 72, 82) */
		reached[2][72] = 1;
		;
		_m = 3; goto P999; /* 2 */
	case 58: // STATE 77 - handover.pml:400 - [((outcome==done))] (0:0:1 - 1)
		IfNotBlocked
		reached[2][77] = 1;
		if (!((((P2 *)_this)->outcome==12)))
			continue;
		if (TstOnly) return 1; /* TT */
		/* dead 1: outcome */  (trpt+1)->bup.oval = ((P2 *)_this)->outcome;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P2 *)_this)->outcome = 0;
		_m = 3; goto P999; /* 0 */
	case 59: // STATE 79 - handover.pml:401 - [(((outcome==refused)||(outcome==0)))] (0:0:1 - 1)
		IfNotBlocked
		reached[2][79] = 1;
		if (!(((((P2 *)_this)->outcome==11)||(((P2 *)_this)->outcome==0))))
			continue;
		if (TstOnly) return 1; /* TT */
		/* dead 1: outcome */  (trpt+1)->bup.oval = ((P2 *)_this)->outcome;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P2 *)_this)->outcome = 0;
		_m = 3; goto P999; /* 0 */
	case 60: // STATE 84 - handover.pml:349 - [(nfull(request[0]))] (0:0:0 - 1)
		IfNotBlocked
		reached[2][84] = 1;
		if (!((!q_full(now.request[0]))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 61: // STATE 85 - handover.pml:349 - [request[0]!9,0,0] (0:0:0 - 1)
		IfNotBlocked
		reached[2][85] = 1;
		if (q_full(now.request[0]))
			continue;
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[64];
			sprintf(simvals, "%d!", now.request[0]);
		sprintf(simtmp, "%d", 9); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		}
#endif
		
		qsend(now.request[0], 0, 9, 0, 0, 0, 0, 3);
		_m = 2; goto P999; /* 0 */
	case 62: // STATE 86 - handover.pml:350 - [((nfull(request[0])&&!(at_rest)))] (0:0:0 - 1)
		IfNotBlocked
		reached[2][86] = 1;
		if (!(((!q_full(now.request[0]))&& !(((int)now.at_rest)))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 63: // STATE 87 - handover.pml:351 - [request[0]!9,0,0] (0:0:0 - 1)
		IfNotBlocked
		reached[2][87] = 1;
		if (q_full(now.request[0]))
			continue;
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[64];
			sprintf(simvals, "%d!", now.request[0]);
		sprintf(simtmp, "%d", 9); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		}
#endif
		
		qsend(now.request[0], 0, 9, 0, 0, 0, 0, 3);
		_m = 2; goto P999; /* 0 */
	case 64: // STATE 88 - handover.pml:353 - [(nfull(request[0]))] (0:0:0 - 1)
		IfNotBlocked
		reached[2][88] = 1;
		if (!((!q_full(now.request[0]))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 65: // STATE 89 - handover.pml:353 - [request[0]!9,0,0] (0:0:0 - 1)
		IfNotBlocked
		reached[2][89] = 1;
		if (q_full(now.request[0]))
			continue;
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[64];
			sprintf(simvals, "%d!", now.request[0]);
		sprintf(simtmp, "%d", 9); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		}
#endif
		
		qsend(now.request[0], 0, 9, 0, 0, 0, 0, 3);
		_m = 2; goto P999; /* 0 */
	case 66: // STATE 97 - handover.pml:363 - [outcome = 0] (0:0:1 - 1)
		IfNotBlocked
		reached[2][97] = 1;
		(trpt+1)->bup.oval = ((P2 *)_this)->outcome;
		((P2 *)_this)->outcome = 0;
#ifdef VAR_RANGES
		logval("caller:outcome", ((P2 *)_this)->outcome);
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 67: // STATE 98 - handover.pml:365 - [reply?from,what,outcome,epoch,digest] (0:0:8 - 1)
		reached[2][98] = 1;
		if (q_len(now.reply) == 0) continue;

		XX=1;
		(trpt+1)->bup.ovals = grab_ints(8);
		(trpt+1)->bup.ovals[0] = ((int)((P2 *)_this)->from);
		(trpt+1)->bup.ovals[1] = ((P2 *)_this)->what;
		(trpt+1)->bup.ovals[2] = ((P2 *)_this)->outcome;
		(trpt+1)->bup.ovals[3] = ((int)((P2 *)_this)->epoch);
		(trpt+1)->bup.ovals[4] = ((int)((P2 *)_this)->digest);
		;
		((P2 *)_this)->from = qrecv(now.reply, XX-1, 0, 0);
#ifdef VAR_RANGES
		logval("caller:from", ((int)((P2 *)_this)->from));
#endif
		;
		((P2 *)_this)->what = qrecv(now.reply, XX-1, 1, 0);
#ifdef VAR_RANGES
		logval("caller:what", ((P2 *)_this)->what);
#endif
		;
		((P2 *)_this)->outcome = qrecv(now.reply, XX-1, 2, 0);
#ifdef VAR_RANGES
		logval("caller:outcome", ((P2 *)_this)->outcome);
#endif
		;
		((P2 *)_this)->epoch = qrecv(now.reply, XX-1, 3, 0);
#ifdef VAR_RANGES
		logval("caller:epoch", ((int)((P2 *)_this)->epoch));
#endif
		;
		((P2 *)_this)->digest = qrecv(now.reply, XX-1, 4, 1);
#ifdef VAR_RANGES
		logval("caller:digest", ((int)((P2 *)_this)->digest));
#endif
		;
		
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[32];
			sprintf(simvals, "%d?", now.reply);
		sprintf(simtmp, "%d", ((int)((P2 *)_this)->from)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((P2 *)_this)->what); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((P2 *)_this)->outcome); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)((P2 *)_this)->epoch)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)((P2 *)_this)->digest)); strcat(simvals, simtmp);		}
#endif
		;
		if (TstOnly) return 1; /* TT */
		/* dead 2: outcome */  (trpt+1)->bup.ovals[5] = ((P2 *)_this)->outcome;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P2 *)_this)->outcome = 0;
		if (TstOnly) return 1; /* TT */
		/* dead 2: epoch */  (trpt+1)->bup.ovals[6] = ((P2 *)_this)->epoch;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P2 *)_this)->epoch = 0;
		if (TstOnly) return 1; /* TT */
		/* dead 2: digest */  (trpt+1)->bup.ovals[7] = ((P2 *)_this)->digest;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P2 *)_this)->digest = 0;
		_m = 4; goto P999; /* 0 */
	case 68: // STATE 99 - handover.pml:367 - [(((from==0)&&(what==9)))] (0:0:2 - 1)
		IfNotBlocked
		reached[2][99] = 1;
		if (!(((((int)((P2 *)_this)->from)==0)&&(((P2 *)_this)->what==9))))
			continue;
		if (TstOnly) return 1; /* TT */
		/* dead 1: from */  (trpt+1)->bup.ovals = grab_ints(2);
		(trpt+1)->bup.ovals[0] = ((P2 *)_this)->from;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P2 *)_this)->from = 0;
		if (TstOnly) return 1; /* TT */
		/* dead 1: what */  (trpt+1)->bup.ovals[1] = ((P2 *)_this)->what;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P2 *)_this)->what = 0;
		_m = 3; goto P999; /* 0 */
	case 69: // STATE 102 - handover.pml:368 - [outcome = 0] (0:0:1 - 1)
		IfNotBlocked
		reached[2][102] = 1;
		(trpt+1)->bup.oval = ((P2 *)_this)->outcome;
		((P2 *)_this)->outcome = 0;
#ifdef VAR_RANGES
		logval("caller:outcome", ((P2 *)_this)->outcome);
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 70: // STATE 105 - handover.pml:370 - [(1)] (112:0:1 - 1)
		IfNotBlocked
		reached[2][105] = 1;
		if (!(1))
			continue;
		/* merge: outcome = 0(0, 106, 112) */
		reached[2][106] = 1;
		(trpt+1)->bup.oval = ((P2 *)_this)->outcome;
		((P2 *)_this)->outcome = 0;
#ifdef VAR_RANGES
		logval("caller:outcome", ((P2 *)_this)->outcome);
#endif
		;
		/* merge: goto :b6(0, 107, 112) */
		reached[2][107] = 1;
		;
		_m = 3; goto P999; /* 2 */
	case 71: // STATE 112 - handover.pml:410 - [caller_ended = 1] (0:0:1 - 12)
		IfNotBlocked
		reached[2][112] = 1;
		(trpt+1)->bup.oval = ((int)now.caller_ended);
		now.caller_ended = 1;
#ifdef VAR_RANGES
		logval("caller_ended", ((int)now.caller_ended));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 72: // STATE 113 - handover.pml:411 - [-end-] (0:0:0 - 1)
		IfNotBlocked
		reached[2][113] = 1;
		if (!delproc(1, II)) continue;
		_m = 3; goto P999; /* 0 */

		 /* PROC guest */
	case 73: // STATE 1 - handover.pml:334 - [(((state[0]==serving)&&(nr_writes<2)))] (0:0:0 - 1)
		IfNotBlocked
		reached[1][1] = 1;
		if (!(((now.state[0]==2)&&(((int)now.nr_writes)<2))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 74: // STATE 2 - handover.pml:318 - [assert(((((lock==0)&&(rec==held))&&(rec_owner==0))&&(rec_epoch==held_epoch[0])))] (0:35:2 - 1)
		IfNotBlocked
		reached[1][2] = 1;
		spin_assert(((((((int)now.lock)==0)&&(now.rec==6))&&(((int)now.rec_owner)==0))&&(((int)now.rec_epoch)==((int)now.held_epoch[0]))), "((((lock==0)&&(rec==6))&&(rec_owner==0))&&(rec_epoch==held_epoch[0]))", II, tt, t);
		/* merge: view[0] = (view[0]+1)(35, 3, 35) */
		reached[1][3] = 1;
		(trpt+1)->bup.ovals = grab_ints(2);
		(trpt+1)->bup.ovals[0] = ((int)now.view[0]);
		now.view[0] = (((int)now.view[0])+1);
#ifdef VAR_RANGES
		logval("view[0]", ((int)now.view[0]));
#endif
		;
		/* merge: nr_writes = (nr_writes+1)(35, 4, 35) */
		reached[1][4] = 1;
		(trpt+1)->bup.ovals[1] = ((int)now.nr_writes);
		now.nr_writes = (((int)now.nr_writes)+1);
#ifdef VAR_RANGES
		logval("nr_writes", ((int)now.nr_writes));
#endif
		;
		/* merge: .(goto)(0, 36, 35) */
		reached[1][36] = 1;
		;
		_m = 3; goto P999; /* 3 */
	case 75: // STATE 8 - handover.pml:337 - [(((state[1]==serving)&&(nr_writes<2)))] (0:0:0 - 1)
		IfNotBlocked
		reached[1][8] = 1;
		if (!(((now.state[1]==2)&&(((int)now.nr_writes)<2))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 76: // STATE 9 - handover.pml:318 - [assert(((((lock==1)&&(rec==held))&&(rec_owner==1))&&(rec_epoch==held_epoch[1])))] (0:35:2 - 1)
		IfNotBlocked
		reached[1][9] = 1;
		spin_assert(((((((int)now.lock)==1)&&(now.rec==6))&&(((int)now.rec_owner)==1))&&(((int)now.rec_epoch)==((int)now.held_epoch[1]))), "((((lock==1)&&(rec==6))&&(rec_owner==1))&&(rec_epoch==held_epoch[1]))", II, tt, t);
		/* merge: view[1] = (view[1]+1)(35, 10, 35) */
		reached[1][10] = 1;
		(trpt+1)->bup.ovals = grab_ints(2);
		(trpt+1)->bup.ovals[0] = ((int)now.view[1]);
		now.view[1] = (((int)now.view[1])+1);
#ifdef VAR_RANGES
		logval("view[1]", ((int)now.view[1]));
#endif
		;
		/* merge: nr_writes = (nr_writes+1)(35, 11, 35) */
		reached[1][11] = 1;
		(trpt+1)->bup.ovals[1] = ((int)now.nr_writes);
		now.nr_writes = (((int)now.nr_writes)+1);
#ifdef VAR_RANGES
		logval("nr_writes", ((int)now.nr_writes));
#endif
		;
		/* merge: .(goto)(0, 36, 35) */
		reached[1][36] = 1;
		;
		_m = 3; goto P999; /* 3 */
	case 77: // STATE 15 - handover.pml:339 - [(((state[0]==serving)&&(view[0]!=flushed)))] (0:0:0 - 1)
		IfNotBlocked
		reached[1][15] = 1;
		if (!(((now.state[0]==2)&&(((int)now.view[0])!=((int)now.flushed)))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 78: // STATE 22 - handover.pml:119 - [D_STEP119]
		IfNotBlocked

		reached[1][22] = 1;
		reached[1][t->st] = 1;
		reached[1][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_349_0: /* 2 */
		now.disk = ((int)now.view[0]);
#ifdef VAR_RANGES
		logval("disk", ((int)now.disk));
#endif
		;
S_353_0: /* 2 */
S_350_0: /* 2 */
		if (!((((int)now.view[0])>((int)now.flushed))))
			goto S_353_1;
S_351_0: /* 2 */
		now.flushed = ((int)now.view[0]);
#ifdef VAR_RANGES
		logval("flushed", ((int)now.flushed));
#endif
		;
		goto S_354_0;
S_353_1: /* 3 */
S_352_0: /* 2 */
		/* else */;
		goto S_354_0;
S_353_2: /* 3 */
		Uerror("blocking sel in d_step (nr.0, near line 121)");
S_354_0: /* 2 */
		goto S_369_0;
S_369_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 79: // STATE 25 - handover.pml:340 - [(((state[1]==serving)&&(view[1]!=flushed)))] (0:0:0 - 1)
		IfNotBlocked
		reached[1][25] = 1;
		if (!(((now.state[1]==2)&&(((int)now.view[1])!=((int)now.flushed)))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 80: // STATE 32 - handover.pml:119 - [D_STEP119]
		IfNotBlocked

		reached[1][32] = 1;
		reached[1][t->st] = 1;
		reached[1][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_359_0: /* 2 */
		now.disk = ((int)now.view[1]);
#ifdef VAR_RANGES
		logval("disk", ((int)now.disk));
#endif
		;
S_363_0: /* 2 */
S_360_0: /* 2 */
		if (!((((int)now.view[1])>((int)now.flushed))))
			goto S_363_1;
S_361_0: /* 2 */
		now.flushed = ((int)now.view[1]);
#ifdef VAR_RANGES
		logval("flushed", ((int)now.flushed));
#endif
		;
		goto S_364_0;
S_363_1: /* 3 */
S_362_0: /* 2 */
		/* else */;
		goto S_364_0;
S_363_2: /* 3 */
		Uerror("blocking sel in d_step (nr.1, near line 121)");
S_364_0: /* 2 */
		goto S_369_0; /* '.' */
		goto S_369_0; /* ';' */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 81: // STATE 38 - handover.pml:342 - [-end-] (0:0:0 - 1)
		IfNotBlocked
		reached[1][38] = 1;
		if (!delproc(1, II)) continue;
		_m = 3; goto P999; /* 0 */

		 /* PROC server */
	case 82: // STATE 1 - handover.pml:171 - [request[i]?command,ticket,digest] (0:0:3 - 1)
		reached[0][1] = 1;
		if (q_len(now.request[ Index(((int)((P0 *)_this)->i), 2) ]) == 0) continue;

		XX=1;
		(trpt+1)->bup.ovals = grab_ints(3);
		(trpt+1)->bup.ovals[0] = ((P0 *)_this)->command;
		(trpt+1)->bup.ovals[1] = ((int)((P0 *)_this)->ticket);
		(trpt+1)->bup.ovals[2] = ((int)((P0 *)_this)->digest);
		;
		((P0 *)_this)->command = qrecv(now.request[ Index(((int)((P0 *)_this)->i), 2) ], XX-1, 0, 0);
#ifdef VAR_RANGES
		logval("server:command", ((P0 *)_this)->command);
#endif
		;
		((P0 *)_this)->ticket = qrecv(now.request[ Index(((int)((P0 *)_this)->i), 2) ], XX-1, 1, 0);
#ifdef VAR_RANGES
		logval("server:ticket", ((int)((P0 *)_this)->ticket));
#endif
		;
		((P0 *)_this)->digest = qrecv(now.request[ Index(((int)((P0 *)_this)->i), 2) ], XX-1, 2, 1);
#ifdef VAR_RANGES
		logval("server:digest", ((int)((P0 *)_this)->digest));
#endif
		;
		
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[32];
			sprintf(simvals, "%d?", now.request[ Index(((int)((P0 *)_this)->i), 2) ]);
		sprintf(simtmp, "%d", ((P0 *)_this)->command); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)((P0 *)_this)->ticket)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)((P0 *)_this)->digest)); strcat(simvals, simtmp);		}
#endif
		;
		_m = 4; goto P999; /* 0 */
	case 83: // STATE 2 - handover.pml:173 - [(((command==do_inactivate)&&(state[i]==serving)))] (0:0:1 - 1)
		IfNotBlocked
		reached[0][2] = 1;
		if (!(((((P0 *)_this)->command==10)&&(now.state[ Index(((int)((P0 *)_this)->i), 2) ]==2))))
			continue;
		if (TstOnly) return 1; /* TT */
		/* dead 1: command */  (trpt+1)->bup.oval = ((P0 *)_this)->command;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P0 *)_this)->command = 0;
		_m = 3; goto P999; /* 0 */
	case 84: // STATE 4 - handover.pml:174 - [(((command==do_inactivate)&&(state[i]==inactive)))] (0:0:1 - 1)
		IfNotBlocked
		reached[0][4] = 1;
		if (!(((((P0 *)_this)->command==10)&&(now.state[ Index(((int)((P0 *)_this)->i), 2) ]==4))))
			continue;
		if (TstOnly) return 1; /* TT */
		/* dead 1: command */  (trpt+1)->bup.oval = ((P0 *)_this)->command;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P0 *)_this)->command = 0;
		_m = 3; goto P999; /* 0 */
	case 85: // STATE 5 - handover.pml:177 - [((released_epoch[i]!=0))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][5] = 1;
		if (!((((int)now.released_epoch[ Index(((int)((P0 *)_this)->i), 2) ])!=0)))
			continue;
		_m = 3; goto P999; /* 0 */
	case 86: // STATE 6 - handover.pml:110 - [(nfull(reply))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][6] = 1;
		if (!((!q_full(now.reply))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 87: // STATE 7 - handover.pml:110 - [reply!i,10,12,released_epoch[i],released_view[i]] (0:0:0 - 1)
		IfNotBlocked
		reached[0][7] = 1;
		if (q_full(now.reply))
			continue;
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[64];
			sprintf(simvals, "%d!", now.reply);
		sprintf(simtmp, "%d", ((int)((P0 *)_this)->i)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 10); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 12); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)now.released_epoch[ Index(((int)((P0 *)_this)->i), 2) ])); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)now.released_view[ Index(((int)((P0 *)_this)->i), 2) ])); strcat(simvals, simtmp);		}
#endif
		
		qsend(now.reply, 0, ((int)((P0 *)_this)->i), 10, 12, ((int)now.released_epoch[ Index(((int)((P0 *)_this)->i), 2) ]), ((int)now.released_view[ Index(((int)((P0 *)_this)->i), 2) ]), 5);
		_m = 2; goto P999; /* 0 */
	case 88: // STATE 8 - handover.pml:111 - [(!(at_rest))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][8] = 1;
		if (!( !(((int)now.at_rest))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 89: // STATE 13 - handover.pml:110 - [(nfull(reply))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][13] = 1;
		if (!((!q_full(now.reply))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 90: // STATE 14 - handover.pml:110 - [reply!i,10,11,0,0] (0:0:0 - 1)
		IfNotBlocked
		reached[0][14] = 1;
		if (q_full(now.reply))
			continue;
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[64];
			sprintf(simvals, "%d!", now.reply);
		sprintf(simtmp, "%d", ((int)((P0 *)_this)->i)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 10); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 11); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		}
#endif
		
		qsend(now.reply, 0, ((int)((P0 *)_this)->i), 10, 11, 0, 0, 5);
		_m = 2; goto P999; /* 0 */
	case 91: // STATE 15 - handover.pml:111 - [(!(at_rest))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][15] = 1;
		if (!( !(((int)now.at_rest))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 92: // STATE 21 - handover.pml:181 - [(((command==do_activate)&&(state[i]==serving)))] (0:0:1 - 1)
		IfNotBlocked
		reached[0][21] = 1;
		if (!(((((P0 *)_this)->command==9)&&(now.state[ Index(((int)((P0 *)_this)->i), 2) ]==2))))
			continue;
		if (TstOnly) return 1; /* TT */
		/* dead 1: command */  (trpt+1)->bup.oval = ((P0 *)_this)->command;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P0 *)_this)->command = 0;
		_m = 3; goto P999; /* 0 */
	case 93: // STATE 22 - handover.pml:184 - [(((ticket==0)||((ticket+1)==held_epoch[i])))] (0:0:1 - 1)
		IfNotBlocked
		reached[0][22] = 1;
		if (!(((((int)((P0 *)_this)->ticket)==0)||((((int)((P0 *)_this)->ticket)+1)==((int)now.held_epoch[ Index(((int)((P0 *)_this)->i), 2) ])))))
			continue;
		if (TstOnly) return 1; /* TT */
		/* dead 1: ticket */  (trpt+1)->bup.oval = ((P0 *)_this)->ticket;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P0 *)_this)->ticket = 0;
		_m = 3; goto P999; /* 0 */
	case 94: // STATE 23 - handover.pml:110 - [(nfull(reply))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][23] = 1;
		if (!((!q_full(now.reply))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 95: // STATE 24 - handover.pml:110 - [reply!i,9,12,0,0] (0:0:0 - 1)
		IfNotBlocked
		reached[0][24] = 1;
		if (q_full(now.reply))
			continue;
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[64];
			sprintf(simvals, "%d!", now.reply);
		sprintf(simtmp, "%d", ((int)((P0 *)_this)->i)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 9); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 12); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		}
#endif
		
		qsend(now.reply, 0, ((int)((P0 *)_this)->i), 9, 12, 0, 0, 5);
		_m = 2; goto P999; /* 0 */
	case 96: // STATE 25 - handover.pml:111 - [(!(at_rest))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][25] = 1;
		if (!( !(((int)now.at_rest))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 97: // STATE 30 - handover.pml:110 - [(nfull(reply))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][30] = 1;
		if (!((!q_full(now.reply))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 98: // STATE 31 - handover.pml:110 - [reply!i,9,11,0,0] (0:0:0 - 1)
		IfNotBlocked
		reached[0][31] = 1;
		if (q_full(now.reply))
			continue;
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[64];
			sprintf(simvals, "%d!", now.reply);
		sprintf(simtmp, "%d", ((int)((P0 *)_this)->i)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 9); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 11); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		}
#endif
		
		qsend(now.reply, 0, ((int)((P0 *)_this)->i), 9, 11, 0, 0, 5);
		_m = 2; goto P999; /* 0 */
	case 99: // STATE 32 - handover.pml:111 - [(!(at_rest))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][32] = 1;
		if (!( !(((int)now.at_rest))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 100: // STATE 38 - handover.pml:188 - [(((command==do_activate)&&(state[i]==inactive)))] (0:0:1 - 1)
		IfNotBlocked
		reached[0][38] = 1;
		if (!(((((P0 *)_this)->command==9)&&(now.state[ Index(((int)((P0 *)_this)->i), 2) ]==4))))
			continue;
		if (TstOnly) return 1; /* TT */
		/* dead 1: command */  (trpt+1)->bup.oval = ((P0 *)_this)->command;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P0 *)_this)->command = 0;
		_m = 3; goto P999; /* 0 */
	case 101: // STATE 42 - handover.pml:190 - [(((nr_deaths<2)&&!(at_rest)))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][42] = 1;
		if (!(((((int)now.nr_deaths)<2)&& !(((int)now.at_rest)))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 102: // STATE 55 - handover.pml:83 - [D_STEP83]
		IfNotBlocked

		reached[0][55] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_042_0: /* 2 */
		now.nr_deaths = (((int)now.nr_deaths)+1);
#ifdef VAR_RANGES
		logval("nr_deaths", ((int)now.nr_deaths));
#endif
		;
S_043_0: /* 2 */
		now.state[ Index(((P0 *)_this)->i, 2) ] = 5;
#ifdef VAR_RANGES
		logval("state[server:i]", now.state[ Index(((int)((P0 *)_this)->i), 2) ]);
#endif
		;
S_044_0: /* 2 */
		now.released_epoch[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("released_epoch[server:i]", ((int)now.released_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_045_0: /* 2 */
		now.released_view[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("released_view[server:i]", ((int)now.released_view[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_046_0: /* 2 */
		now.held_epoch[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("held_epoch[server:i]", ((int)now.held_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_047_0: /* 2 */
		now.view[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("view[server:i]", ((int)now.view[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_048_0: /* 2 */
		now.overtaken[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("overtaken[server:i]", ((int)now.overtaken[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_052_0: /* 2 */
S_049_0: /* 2 */
		if (!((((int)now.lock)==((int)((P0 *)_this)->i))))
			goto S_052_1;
S_050_0: /* 2 */
		now.lock = 2;
#ifdef VAR_RANGES
		logval("lock", ((int)now.lock));
#endif
		;
		goto S_053_0;
S_052_1: /* 3 */
S_051_0: /* 2 */
		/* else */;
		goto S_053_0;
S_052_2: /* 3 */
		Uerror("blocking sel in d_step (nr.2, near line 91)");
S_053_0: /* 2 */
		goto S_056_0;
S_056_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 103: // STATE 61 - handover.pml:196 - [state[i] = inactivating] (0:0:1 - 3)
		IfNotBlocked
		reached[0][61] = 1;
		(trpt+1)->bup.oval = now.state[ Index(((int)((P0 *)_this)->i), 2) ];
		now.state[ Index(((P0 *)_this)->i, 2) ] = 1;
#ifdef VAR_RANGES
		logval("state[server:i]", now.state[ Index(((int)((P0 *)_this)->i), 2) ]);
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 104: // STATE 63 - handover.pml:103 - [(((nr_deaths<2)&&!(at_rest)))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][63] = 1;
		if (!(((((int)now.nr_deaths)<2)&& !(((int)now.at_rest)))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 105: // STATE 76 - handover.pml:83 - [D_STEP83]
		IfNotBlocked

		reached[0][76] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_063_0: /* 2 */
		now.nr_deaths = (((int)now.nr_deaths)+1);
#ifdef VAR_RANGES
		logval("nr_deaths", ((int)now.nr_deaths));
#endif
		;
S_064_0: /* 2 */
		now.state[ Index(((P0 *)_this)->i, 2) ] = 5;
#ifdef VAR_RANGES
		logval("state[server:i]", now.state[ Index(((int)((P0 *)_this)->i), 2) ]);
#endif
		;
S_065_0: /* 2 */
		now.released_epoch[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("released_epoch[server:i]", ((int)now.released_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_066_0: /* 2 */
		now.released_view[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("released_view[server:i]", ((int)now.released_view[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_067_0: /* 2 */
		now.held_epoch[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("held_epoch[server:i]", ((int)now.held_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_068_0: /* 2 */
		now.view[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("view[server:i]", ((int)now.view[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_069_0: /* 2 */
		now.overtaken[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("overtaken[server:i]", ((int)now.overtaken[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_073_0: /* 2 */
S_070_0: /* 2 */
		if (!((((int)now.lock)==((int)((P0 *)_this)->i))))
			goto S_073_1;
S_071_0: /* 2 */
		now.lock = 2;
#ifdef VAR_RANGES
		logval("lock", ((int)now.lock));
#endif
		;
		goto S_074_0;
S_073_1: /* 3 */
S_072_0: /* 2 */
		/* else */;
		goto S_074_0;
S_073_2: /* 3 */
		Uerror("blocking sel in d_step (nr.3, near line 91)");
S_074_0: /* 2 */
		goto S_077_0;
S_077_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 106: // STATE 88 - handover.pml:119 - [D_STEP119]
		IfNotBlocked

		reached[0][88] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_081_0: /* 2 */
		now.disk = ((int)now.view[ Index(((int)((P0 *)_this)->i), 2) ]);
#ifdef VAR_RANGES
		logval("disk", ((int)now.disk));
#endif
		;
S_085_0: /* 2 */
S_082_0: /* 2 */
		if (!((((int)now.view[ Index(((int)((P0 *)_this)->i), 2) ])>((int)now.flushed))))
			goto S_085_1;
S_083_0: /* 2 */
		now.flushed = ((int)now.view[ Index(((int)((P0 *)_this)->i), 2) ]);
#ifdef VAR_RANGES
		logval("flushed", ((int)now.flushed));
#endif
		;
		goto S_086_0;
S_085_1: /* 3 */
S_084_0: /* 2 */
		/* else */;
		goto S_086_0;
S_085_2: /* 3 */
		Uerror("blocking sel in d_step (nr.4, near line 121)");
S_086_0: /* 2 */
		goto S_108_0;
S_108_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 107: // STATE 91 - handover.pml:103 - [(((nr_deaths<2)&&!(at_rest)))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][91] = 1;
		if (!(((((int)now.nr_deaths)<2)&& !(((int)now.at_rest)))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 108: // STATE 104 - handover.pml:83 - [D_STEP83]
		IfNotBlocked

		reached[0][104] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_091_0: /* 2 */
		now.nr_deaths = (((int)now.nr_deaths)+1);
#ifdef VAR_RANGES
		logval("nr_deaths", ((int)now.nr_deaths));
#endif
		;
S_092_0: /* 2 */
		now.state[ Index(((P0 *)_this)->i, 2) ] = 5;
#ifdef VAR_RANGES
		logval("state[server:i]", now.state[ Index(((int)((P0 *)_this)->i), 2) ]);
#endif
		;
S_093_0: /* 2 */
		now.released_epoch[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("released_epoch[server:i]", ((int)now.released_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_094_0: /* 2 */
		now.released_view[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("released_view[server:i]", ((int)now.released_view[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_095_0: /* 2 */
		now.held_epoch[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("held_epoch[server:i]", ((int)now.held_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_096_0: /* 2 */
		now.view[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("view[server:i]", ((int)now.view[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_097_0: /* 2 */
		now.overtaken[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("overtaken[server:i]", ((int)now.overtaken[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_101_0: /* 2 */
S_098_0: /* 2 */
		if (!((((int)now.lock)==((int)((P0 *)_this)->i))))
			goto S_101_1;
S_099_0: /* 2 */
		now.lock = 2;
#ifdef VAR_RANGES
		logval("lock", ((int)now.lock));
#endif
		;
		goto S_102_0;
S_101_1: /* 3 */
S_100_0: /* 2 */
		/* else */;
		goto S_102_0;
S_101_2: /* 3 */
		Uerror("blocking sel in d_step (nr.5, near line 91)");
S_102_0: /* 2 */
		goto S_105_0;
S_105_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 109: // STATE 113 - handover.pml:206 - [D_STEP206]
		IfNotBlocked

		reached[0][113] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_109_0: /* 2 */
		now.rec = 7;
#ifdef VAR_RANGES
		logval("rec", now.rec);
#endif
		;
S_110_0: /* 2 */
		now.released_epoch[ Index(((P0 *)_this)->i, 2) ] = ((int)now.held_epoch[ Index(((int)((P0 *)_this)->i), 2) ]);
#ifdef VAR_RANGES
		logval("released_epoch[server:i]", ((int)now.released_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_111_0: /* 2 */
		now.released_view[ Index(((P0 *)_this)->i, 2) ] = ((int)now.view[ Index(((int)((P0 *)_this)->i), 2) ]);
#ifdef VAR_RANGES
		logval("released_view[server:i]", ((int)now.released_view[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
		goto S_132_0;
S_132_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 110: // STATE 115 - handover.pml:103 - [(((nr_deaths<2)&&!(at_rest)))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][115] = 1;
		if (!(((((int)now.nr_deaths)<2)&& !(((int)now.at_rest)))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 111: // STATE 128 - handover.pml:83 - [D_STEP83]
		IfNotBlocked

		reached[0][128] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_115_0: /* 2 */
		now.nr_deaths = (((int)now.nr_deaths)+1);
#ifdef VAR_RANGES
		logval("nr_deaths", ((int)now.nr_deaths));
#endif
		;
S_116_0: /* 2 */
		now.state[ Index(((P0 *)_this)->i, 2) ] = 5;
#ifdef VAR_RANGES
		logval("state[server:i]", now.state[ Index(((int)((P0 *)_this)->i), 2) ]);
#endif
		;
S_117_0: /* 2 */
		now.released_epoch[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("released_epoch[server:i]", ((int)now.released_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_118_0: /* 2 */
		now.released_view[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("released_view[server:i]", ((int)now.released_view[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_119_0: /* 2 */
		now.held_epoch[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("held_epoch[server:i]", ((int)now.held_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_120_0: /* 2 */
		now.view[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("view[server:i]", ((int)now.view[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_121_0: /* 2 */
		now.overtaken[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("overtaken[server:i]", ((int)now.overtaken[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_125_0: /* 2 */
S_122_0: /* 2 */
		if (!((((int)now.lock)==((int)((P0 *)_this)->i))))
			goto S_125_1;
S_123_0: /* 2 */
		now.lock = 2;
#ifdef VAR_RANGES
		logval("lock", ((int)now.lock));
#endif
		;
		goto S_126_0;
S_125_1: /* 3 */
S_124_0: /* 2 */
		/* else */;
		goto S_126_0;
S_125_2: /* 3 */
		Uerror("blocking sel in d_step (nr.6, near line 91)");
S_126_0: /* 2 */
		goto S_129_0;
S_129_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 112: // STATE 139 - handover.pml:215 - [D_STEP215]
		if (!(((boq == -1 && (((int)now.lock)==((int)((P0 *)_this)->i)))) || (boq == -1 /* else */)))
			continue;

		reached[0][139] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_136_0: /* 2 */
S_133_0: /* 2 */
		if (!((((int)now.lock)==((int)((P0 *)_this)->i))))
			goto S_136_1;
S_134_0: /* 2 */
		now.lock = 2;
#ifdef VAR_RANGES
		logval("lock", ((int)now.lock));
#endif
		;
		goto S_137_0;
S_136_1: /* 3 */
S_135_0: /* 2 */
		/* else */;
		goto S_137_0;
S_136_2: /* 3 */
		Uerror("blocking sel in d_step (nr.7, near line 216)");
S_137_0: /* 2 */
		goto S_142_0;
S_142_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 113: // STATE 143 - handover.pml:222 - [D_STEP222]
		IfNotBlocked

		reached[0][143] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_139_0: /* 2 */
		now.state[ Index(((P0 *)_this)->i, 2) ] = 4;
#ifdef VAR_RANGES
		logval("state[server:i]", now.state[ Index(((int)((P0 *)_this)->i), 2) ]);
#endif
		;
S_140_0: /* 2 */
		now.stale[ Index(((P0 *)_this)->i, 2) ] = ((int)now.view[ Index(((int)((P0 *)_this)->i), 2) ]);
#ifdef VAR_RANGES
		logval("stale[server:i]", ((int)now.stale[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_141_0: /* 2 */
		now.held_epoch[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("held_epoch[server:i]", ((int)now.held_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
		goto S_148_0;
S_148_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 114: // STATE 144 - handover.pml:110 - [(nfull(reply))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][144] = 1;
		if (!((!q_full(now.reply))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 115: // STATE 145 - handover.pml:110 - [reply!i,10,12,released_epoch[i],released_view[i]] (0:0:0 - 1)
		IfNotBlocked
		reached[0][145] = 1;
		if (q_full(now.reply))
			continue;
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[64];
			sprintf(simvals, "%d!", now.reply);
		sprintf(simtmp, "%d", ((int)((P0 *)_this)->i)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 10); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 12); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)now.released_epoch[ Index(((int)((P0 *)_this)->i), 2) ])); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)now.released_view[ Index(((int)((P0 *)_this)->i), 2) ])); strcat(simvals, simtmp);		}
#endif
		
		qsend(now.reply, 0, ((int)((P0 *)_this)->i), 10, 12, ((int)now.released_epoch[ Index(((int)((P0 *)_this)->i), 2) ]), ((int)now.released_view[ Index(((int)((P0 *)_this)->i), 2) ]), 5);
		_m = 2; goto P999; /* 0 */
	case 116: // STATE 146 - handover.pml:111 - [(!(at_rest))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][146] = 1;
		if (!( !(((int)now.at_rest))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 117: // STATE 151 - handover.pml:228 - [state[i] = activating] (0:0:1 - 2)
		IfNotBlocked
		reached[0][151] = 1;
		(trpt+1)->bup.oval = now.state[ Index(((int)((P0 *)_this)->i), 2) ];
		now.state[ Index(((P0 *)_this)->i, 2) ] = 3;
#ifdef VAR_RANGES
		logval("state[server:i]", now.state[ Index(((int)((P0 *)_this)->i), 2) ]);
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 118: // STATE 153 - handover.pml:103 - [(((nr_deaths<2)&&!(at_rest)))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][153] = 1;
		if (!(((((int)now.nr_deaths)<2)&& !(((int)now.at_rest)))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 119: // STATE 166 - handover.pml:83 - [D_STEP83]
		IfNotBlocked

		reached[0][166] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_153_0: /* 2 */
		now.nr_deaths = (((int)now.nr_deaths)+1);
#ifdef VAR_RANGES
		logval("nr_deaths", ((int)now.nr_deaths));
#endif
		;
S_154_0: /* 2 */
		now.state[ Index(((P0 *)_this)->i, 2) ] = 5;
#ifdef VAR_RANGES
		logval("state[server:i]", now.state[ Index(((int)((P0 *)_this)->i), 2) ]);
#endif
		;
S_155_0: /* 2 */
		now.released_epoch[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("released_epoch[server:i]", ((int)now.released_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_156_0: /* 2 */
		now.released_view[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("released_view[server:i]", ((int)now.released_view[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_157_0: /* 2 */
		now.held_epoch[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("held_epoch[server:i]", ((int)now.held_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_158_0: /* 2 */
		now.view[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("view[server:i]", ((int)now.view[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_159_0: /* 2 */
		now.overtaken[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("overtaken[server:i]", ((int)now.overtaken[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_163_0: /* 2 */
S_160_0: /* 2 */
		if (!((((int)now.lock)==((int)((P0 *)_this)->i))))
			goto S_163_1;
S_161_0: /* 2 */
		now.lock = 2;
#ifdef VAR_RANGES
		logval("lock", ((int)now.lock));
#endif
		;
		goto S_164_0;
S_163_1: /* 3 */
S_162_0: /* 2 */
		/* else */;
		goto S_164_0;
S_163_2: /* 3 */
		Uerror("blocking sel in d_step (nr.8, near line 91)");
S_164_0: /* 2 */
		goto S_167_0;
S_167_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 120: // STATE 172 - handover.pml:233 - [((lock==2))] (199:0:1 - 1)
		IfNotBlocked
		reached[0][172] = 1;
		if (!((((int)now.lock)==2)))
			continue;
		/* merge: lock = i(199, 173, 199) */
		reached[0][173] = 1;
		(trpt+1)->bup.oval = ((int)now.lock);
		now.lock = ((int)((P0 *)_this)->i);
#ifdef VAR_RANGES
		logval("lock", ((int)now.lock));
#endif
		;
		/* merge: .(goto)(199, 178, 199) */
		reached[0][178] = 1;
		;
		_m = 3; goto P999; /* 2 */
	case 121: // STATE 175 - handover.pml:234 - [state[i] = inactive] (0:325:1 - 1)
		IfNotBlocked
		reached[0][175] = 1;
		(trpt+1)->bup.oval = now.state[ Index(((int)((P0 *)_this)->i), 2) ];
		now.state[ Index(((P0 *)_this)->i, 2) ] = 4;
#ifdef VAR_RANGES
		logval("state[server:i]", now.state[ Index(((int)((P0 *)_this)->i), 2) ]);
#endif
		;
		/* merge: goto refuse(325, 176, 325) */
		reached[0][176] = 1;
		;
		_m = 3; goto P999; /* 1 */
	case 122: // STATE 181 - handover.pml:103 - [(((nr_deaths<2)&&!(at_rest)))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][181] = 1;
		if (!(((((int)now.nr_deaths)<2)&& !(((int)now.at_rest)))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 123: // STATE 194 - handover.pml:83 - [D_STEP83]
		IfNotBlocked

		reached[0][194] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_181_0: /* 2 */
		now.nr_deaths = (((int)now.nr_deaths)+1);
#ifdef VAR_RANGES
		logval("nr_deaths", ((int)now.nr_deaths));
#endif
		;
S_182_0: /* 2 */
		now.state[ Index(((P0 *)_this)->i, 2) ] = 5;
#ifdef VAR_RANGES
		logval("state[server:i]", now.state[ Index(((int)((P0 *)_this)->i), 2) ]);
#endif
		;
S_183_0: /* 2 */
		now.released_epoch[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("released_epoch[server:i]", ((int)now.released_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_184_0: /* 2 */
		now.released_view[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("released_view[server:i]", ((int)now.released_view[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_185_0: /* 2 */
		now.held_epoch[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("held_epoch[server:i]", ((int)now.held_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_186_0: /* 2 */
		now.view[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("view[server:i]", ((int)now.view[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_187_0: /* 2 */
		now.overtaken[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("overtaken[server:i]", ((int)now.overtaken[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_191_0: /* 2 */
S_188_0: /* 2 */
		if (!((((int)now.lock)==((int)((P0 *)_this)->i))))
			goto S_191_1;
S_189_0: /* 2 */
		now.lock = 2;
#ifdef VAR_RANGES
		logval("lock", ((int)now.lock));
#endif
		;
		goto S_192_0;
S_191_1: /* 3 */
S_190_0: /* 2 */
		/* else */;
		goto S_192_0;
S_191_2: /* 3 */
		Uerror("blocking sel in d_step (nr.9, near line 91)");
S_192_0: /* 2 */
		goto S_195_0;
S_195_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 124: // STATE 200 - handover.pml:134 - [((rec==none))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][200] = 1;
		if (!((now.rec==8)))
			continue;
		_m = 3; goto P999; /* 0 */
	case 125: // STATE 201 - handover.pml:134 - [ok = 1] (0:0:1 - 1)
		IfNotBlocked
		reached[0][201] = 1;
		(trpt+1)->bup.oval = ((int)((P0 *)_this)->ok);
		((P0 *)_this)->ok = 1;
#ifdef VAR_RANGES
		logval("server:ok", ((int)((P0 *)_this)->ok));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 126: // STATE 202 - handover.pml:135 - [(((rec==released)&&(ticket!=0)))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][202] = 1;
		if (!(((now.rec==7)&&(((int)((P0 *)_this)->ticket)!=0))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 127: // STATE 203 - handover.pml:139 - [ok = (rec_epoch==ticket)] (0:0:1 - 1)
		IfNotBlocked
		reached[0][203] = 1;
		(trpt+1)->bup.oval = ((int)((P0 *)_this)->ok);
		((P0 *)_this)->ok = (((int)now.rec_epoch)==((int)((P0 *)_this)->ticket));
#ifdef VAR_RANGES
		logval("server:ok", ((int)((P0 *)_this)->ok));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 128: // STATE 204 - handover.pml:141 - [(((rec==released)&&(ticket==0)))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][204] = 1;
		if (!(((now.rec==7)&&(((int)((P0 *)_this)->ticket)==0))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 129: // STATE 205 - handover.pml:145 - [ok = ((released_epoch[i]==0)||(released_epoch[i]==rec_epoch))] (0:0:1 - 1)
		IfNotBlocked
		reached[0][205] = 1;
		(trpt+1)->bup.oval = ((int)((P0 *)_this)->ok);
		((P0 *)_this)->ok = ((((int)now.released_epoch[ Index(((int)((P0 *)_this)->i), 2) ])==0)||(((int)now.released_epoch[ Index(((int)((P0 *)_this)->i), 2) ])==((int)now.rec_epoch)));
#ifdef VAR_RANGES
		logval("server:ok", ((int)((P0 *)_this)->ok));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 130: // STATE 206 - handover.pml:147 - [(((rec==held)&&(rec_owner==i)))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][206] = 1;
		if (!(((now.rec==6)&&(((int)now.rec_owner)==((int)((P0 *)_this)->i)))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 131: // STATE 207 - handover.pml:152 - [ok = ((ticket==0)||(rec_epoch==(ticket+1)))] (0:0:1 - 1)
		IfNotBlocked
		reached[0][207] = 1;
		(trpt+1)->bup.oval = ((int)((P0 *)_this)->ok);
		((P0 *)_this)->ok = ((((int)((P0 *)_this)->ticket)==0)||(((int)now.rec_epoch)==(((int)((P0 *)_this)->ticket)+1)));
#ifdef VAR_RANGES
		logval("server:ok", ((int)((P0 *)_this)->ok));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 132: // STATE 208 - handover.pml:154 - [(((rec==held)&&(rec_owner==(1-i))))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][208] = 1;
		if (!(((now.rec==6)&&(((int)now.rec_owner)==(1-((int)((P0 *)_this)->i))))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 133: // STATE 209 - handover.pml:158 - [ok = 0] (0:0:1 - 1)
		IfNotBlocked
		reached[0][209] = 1;
		(trpt+1)->bup.oval = ((int)((P0 *)_this)->ok);
		((P0 *)_this)->ok = 0;
#ifdef VAR_RANGES
		logval("server:ok", ((int)((P0 *)_this)->ok));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 134: // STATE 214 - handover.pml:103 - [(((nr_deaths<2)&&!(at_rest)))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][214] = 1;
		if (!(((((int)now.nr_deaths)<2)&& !(((int)now.at_rest)))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 135: // STATE 227 - handover.pml:83 - [D_STEP83]
		IfNotBlocked

		reached[0][227] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_214_0: /* 2 */
		now.nr_deaths = (((int)now.nr_deaths)+1);
#ifdef VAR_RANGES
		logval("nr_deaths", ((int)now.nr_deaths));
#endif
		;
S_215_0: /* 2 */
		now.state[ Index(((P0 *)_this)->i, 2) ] = 5;
#ifdef VAR_RANGES
		logval("state[server:i]", now.state[ Index(((int)((P0 *)_this)->i), 2) ]);
#endif
		;
S_216_0: /* 2 */
		now.released_epoch[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("released_epoch[server:i]", ((int)now.released_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_217_0: /* 2 */
		now.released_view[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("released_view[server:i]", ((int)now.released_view[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_218_0: /* 2 */
		now.held_epoch[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("held_epoch[server:i]", ((int)now.held_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_219_0: /* 2 */
		now.view[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("view[server:i]", ((int)now.view[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_220_0: /* 2 */
		now.overtaken[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("overtaken[server:i]", ((int)now.overtaken[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_224_0: /* 2 */
S_221_0: /* 2 */
		if (!((((int)now.lock)==((int)((P0 *)_this)->i))))
			goto S_224_1;
S_222_0: /* 2 */
		now.lock = 2;
#ifdef VAR_RANGES
		logval("lock", ((int)now.lock));
#endif
		;
		goto S_225_0;
S_224_1: /* 3 */
S_223_0: /* 2 */
		/* else */;
		goto S_225_0;
S_224_2: /* 3 */
		Uerror("blocking sel in d_step (nr.10, near line 91)");
S_225_0: /* 2 */
		goto S_228_0;
S_228_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 136: // STATE 233 - handover.pml:242 - [(!(ok))] (0:0:1 - 1)
		IfNotBlocked
		reached[0][233] = 1;
		if (!( !(((int)((P0 *)_this)->ok))))
			continue;
		if (TstOnly) return 1; /* TT */
		/* dead 1: ok */  (trpt+1)->bup.oval = ((P0 *)_this)->ok;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P0 *)_this)->ok = 0;
		_m = 3; goto P999; /* 0 */
	case 137: // STATE 238 - handover.pml:247 - [view[i] = disk] (0:0:1 - 1)
		IfNotBlocked
		reached[0][238] = 1;
		(trpt+1)->bup.oval = ((int)now.view[ Index(((int)((P0 *)_this)->i), 2) ]);
		now.view[ Index(((P0 *)_this)->i, 2) ] = ((int)now.disk);
#ifdef VAR_RANGES
		logval("view[server:i]", ((int)now.view[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 138: // STATE 239 - handover.pml:248 - [view[i] = stale[i]] (0:0:1 - 1)
		IfNotBlocked
		reached[0][239] = 1;
		(trpt+1)->bup.oval = ((int)now.view[ Index(((int)((P0 *)_this)->i), 2) ]);
		now.view[ Index(((P0 *)_this)->i, 2) ] = ((int)now.stale[ Index(((int)((P0 *)_this)->i), 2) ]);
#ifdef VAR_RANGES
		logval("view[server:i]", ((int)now.view[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 139: // STATE 242 - handover.pml:252 - [((view[i]!=disk))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][242] = 1;
		if (!((((int)now.view[ Index(((int)((P0 *)_this)->i), 2) ])!=((int)now.disk))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 140: // STATE 244 - handover.pml:253 - [((((ticket!=0)&&(rec==released))&&(disk!=digest)))] (0:0:2 - 1)
		IfNotBlocked
		reached[0][244] = 1;
		if (!((((((int)((P0 *)_this)->ticket)!=0)&&(now.rec==7))&&(((int)now.disk)!=((int)((P0 *)_this)->digest)))))
			continue;
		if (TstOnly) return 1; /* TT */
		/* dead 1: ticket */  (trpt+1)->bup.ovals = grab_ints(2);
		(trpt+1)->bup.ovals[0] = ((P0 *)_this)->ticket;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P0 *)_this)->ticket = 0;
		if (TstOnly) return 1; /* TT */
		/* dead 1: digest */  (trpt+1)->bup.ovals[1] = ((P0 *)_this)->digest;
#ifdef HAS_CODE
		if (!readtrail)
#endif
			((P0 *)_this)->digest = 0;
		_m = 3; goto P999; /* 0 */
	case 141: // STATE 250 - handover.pml:103 - [(((nr_deaths<2)&&!(at_rest)))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][250] = 1;
		if (!(((((int)now.nr_deaths)<2)&& !(((int)now.at_rest)))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 142: // STATE 263 - handover.pml:83 - [D_STEP83]
		IfNotBlocked

		reached[0][263] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_250_0: /* 2 */
		now.nr_deaths = (((int)now.nr_deaths)+1);
#ifdef VAR_RANGES
		logval("nr_deaths", ((int)now.nr_deaths));
#endif
		;
S_251_0: /* 2 */
		now.state[ Index(((P0 *)_this)->i, 2) ] = 5;
#ifdef VAR_RANGES
		logval("state[server:i]", now.state[ Index(((int)((P0 *)_this)->i), 2) ]);
#endif
		;
S_252_0: /* 2 */
		now.released_epoch[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("released_epoch[server:i]", ((int)now.released_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_253_0: /* 2 */
		now.released_view[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("released_view[server:i]", ((int)now.released_view[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_254_0: /* 2 */
		now.held_epoch[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("held_epoch[server:i]", ((int)now.held_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_255_0: /* 2 */
		now.view[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("view[server:i]", ((int)now.view[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_256_0: /* 2 */
		now.overtaken[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("overtaken[server:i]", ((int)now.overtaken[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_260_0: /* 2 */
S_257_0: /* 2 */
		if (!((((int)now.lock)==((int)((P0 *)_this)->i))))
			goto S_260_1;
S_258_0: /* 2 */
		now.lock = 2;
#ifdef VAR_RANGES
		logval("lock", ((int)now.lock));
#endif
		;
		goto S_261_0;
S_260_1: /* 3 */
S_259_0: /* 2 */
		/* else */;
		goto S_261_0;
S_260_2: /* 3 */
		Uerror("blocking sel in d_step (nr.11, near line 91)");
S_261_0: /* 2 */
		goto S_264_0;
S_264_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 143: // STATE 279 - handover.pml:264 - [D_STEP264]
		/* default 258 */
		

		reached[0][279] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_268_0: /* 2 */
		spin_assert((((((int)((P0 *)_this)->ticket)==0)||(now.rec!=7))|| !((((int)now.used)&(1<<((int)((P0 *)_this)->ticket))))), "(((ticket==0)||(rec!=7))|| !((used&(1<<ticket))))", II, tt, t);
S_269_0: /* 2 */
		spin_assert(((((int)((P0 *)_this)->ticket)!=0)|| !(((int)now.overtaken[ Index(((int)((P0 *)_this)->i), 2) ]))), "((ticket!=0)|| !(overtaken[i]))", II, tt, t);
S_270_0: /* 2 */
		now.used = ( (((((int)((P0 *)_this)->ticket)!=0)&&(now.rec==7))) ? ((((int)now.used)|(1<<((int)((P0 *)_this)->ticket)))) : (((int)now.used)) );
#ifdef VAR_RANGES
		logval("used", ((int)now.used));
#endif
		;
S_271_0: /* 2 */
		now.rec = 6;
#ifdef VAR_RANGES
		logval("rec", now.rec);
#endif
		;
S_272_0: /* 2 */
		now.rec_epoch = (((int)now.rec_epoch)+1);
#ifdef VAR_RANGES
		logval("rec_epoch", ((int)now.rec_epoch));
#endif
		;
S_273_0: /* 2 */
		now.rec_owner = ((int)((P0 *)_this)->i);
#ifdef VAR_RANGES
		logval("rec_owner", ((int)now.rec_owner));
#endif
		;
S_274_0: /* 2 */
		now.held_epoch[ Index(((P0 *)_this)->i, 2) ] = ((int)now.rec_epoch);
#ifdef VAR_RANGES
		logval("held_epoch[server:i]", ((int)now.held_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_275_0: /* 2 */
		now.released_epoch[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("released_epoch[server:i]", ((int)now.released_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_276_0: /* 2 */
		now.overtaken[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("overtaken[server:i]", ((int)now.overtaken[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_277_0: /* 2 */
		now.overtaken[ Index((1-((P0 *)_this)->i), 2) ] = (((int)now.released_epoch[ Index((1-((int)((P0 *)_this)->i)), 2) ])!=0);
#ifdef VAR_RANGES
		logval("overtaken[(1-server:i)]", ((int)now.overtaken[ Index((1-((int)((P0 *)_this)->i)), 2) ]));
#endif
		;
		goto S_298_0;
S_298_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 144: // STATE 281 - handover.pml:103 - [(((nr_deaths<2)&&!(at_rest)))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][281] = 1;
		if (!(((((int)now.nr_deaths)<2)&& !(((int)now.at_rest)))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 145: // STATE 294 - handover.pml:83 - [D_STEP83]
		IfNotBlocked

		reached[0][294] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_281_0: /* 2 */
		now.nr_deaths = (((int)now.nr_deaths)+1);
#ifdef VAR_RANGES
		logval("nr_deaths", ((int)now.nr_deaths));
#endif
		;
S_282_0: /* 2 */
		now.state[ Index(((P0 *)_this)->i, 2) ] = 5;
#ifdef VAR_RANGES
		logval("state[server:i]", now.state[ Index(((int)((P0 *)_this)->i), 2) ]);
#endif
		;
S_283_0: /* 2 */
		now.released_epoch[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("released_epoch[server:i]", ((int)now.released_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_284_0: /* 2 */
		now.released_view[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("released_view[server:i]", ((int)now.released_view[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_285_0: /* 2 */
		now.held_epoch[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("held_epoch[server:i]", ((int)now.held_epoch[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_286_0: /* 2 */
		now.view[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("view[server:i]", ((int)now.view[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_287_0: /* 2 */
		now.overtaken[ Index(((P0 *)_this)->i, 2) ] = 0;
#ifdef VAR_RANGES
		logval("overtaken[server:i]", ((int)now.overtaken[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_291_0: /* 2 */
S_288_0: /* 2 */
		if (!((((int)now.lock)==((int)((P0 *)_this)->i))))
			goto S_291_1;
S_289_0: /* 2 */
		now.lock = 2;
#ifdef VAR_RANGES
		logval("lock", ((int)now.lock));
#endif
		;
		goto S_292_0;
S_291_1: /* 3 */
S_290_0: /* 2 */
		/* else */;
		goto S_292_0;
S_291_2: /* 3 */
		Uerror("blocking sel in d_step (nr.12, near line 91)");
S_292_0: /* 2 */
		goto S_295_0;
S_295_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 146: // STATE 304 - handover.pml:278 - [D_STEP278]
		IfNotBlocked

		reached[0][304] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_299_0: /* 2 */
		now.state[ Index(((P0 *)_this)->i, 2) ] = 2;
#ifdef VAR_RANGES
		logval("state[server:i]", now.state[ Index(((int)((P0 *)_this)->i), 2) ]);
#endif
		;
S_300_0: /* 2 */
		now.stale[ Index(((P0 *)_this)->i, 2) ] = ((int)now.view[ Index(((int)((P0 *)_this)->i), 2) ]);
#ifdef VAR_RANGES
		logval("stale[server:i]", ((int)now.stale[ Index(((int)((P0 *)_this)->i), 2) ]));
#endif
		;
S_301_0: /* 2 */
		spin_assert((now.state[ Index((1-((int)((P0 *)_this)->i)), 2) ]!=2), "(state[(1-i)]!=2)", II, tt, t);
S_302_0: /* 2 */
		spin_assert((((int)now.view[ Index(((int)((P0 *)_this)->i), 2) ])>=((int)now.flushed)), "(view[i]>=flushed)", II, tt, t);
		goto S_309_0;
S_309_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 147: // STATE 305 - handover.pml:110 - [(nfull(reply))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][305] = 1;
		if (!((!q_full(now.reply))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 148: // STATE 306 - handover.pml:110 - [reply!i,9,12,0,0] (0:0:0 - 1)
		IfNotBlocked
		reached[0][306] = 1;
		if (q_full(now.reply))
			continue;
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[64];
			sprintf(simvals, "%d!", now.reply);
		sprintf(simtmp, "%d", ((int)((P0 *)_this)->i)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 9); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 12); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		}
#endif
		
		qsend(now.reply, 0, ((int)((P0 *)_this)->i), 9, 12, 0, 0, 5);
		_m = 2; goto P999; /* 0 */
	case 149: // STATE 307 - handover.pml:111 - [(!(at_rest))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][307] = 1;
		if (!( !(((int)now.at_rest))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 150: // STATE 319 - handover.pml:289 - [D_STEP289]
		if (!(((boq == -1 && (((int)now.lock)==((int)((P0 *)_this)->i)))) || (boq == -1 /* else */)))
			continue;

		reached[0][319] = 1;
		reached[0][t->st] = 1;
		reached[0][tt] = 1;

		if (TstOnly) return 1;

		sv_save();
		S_315_0: /* 2 */
S_312_0: /* 2 */
		if (!((((int)now.lock)==((int)((P0 *)_this)->i))))
			goto S_315_1;
S_313_0: /* 2 */
		now.lock = 2;
#ifdef VAR_RANGES
		logval("lock", ((int)now.lock));
#endif
		;
		goto S_316_0;
S_315_1: /* 3 */
S_314_0: /* 2 */
		/* else */;
		goto S_316_0;
S_315_2: /* 3 */
		Uerror("blocking sel in d_step (nr.13, near line 291)");
S_316_0: /* 2 */
S_317_0: /* 2 */
		now.state[ Index(((P0 *)_this)->i, 2) ] = 4;
#ifdef VAR_RANGES
		logval("state[server:i]", now.state[ Index(((int)((P0 *)_this)->i), 2) ]);
#endif
		;
		goto S_324_0;
S_324_0: /* 1 */

#if defined(C_States) && (HAS_TRACK==1)
		c_update((uchar *) &(now.c_state[0]));
#endif
		_m = 3; goto P999;

	case 151: // STATE 320 - handover.pml:110 - [(nfull(reply))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][320] = 1;
		if (!((!q_full(now.reply))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 152: // STATE 321 - handover.pml:110 - [reply!i,9,11,0,0] (0:0:0 - 1)
		IfNotBlocked
		reached[0][321] = 1;
		if (q_full(now.reply))
			continue;
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[64];
			sprintf(simvals, "%d!", now.reply);
		sprintf(simtmp, "%d", ((int)((P0 *)_this)->i)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 9); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 11); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", 0); strcat(simvals, simtmp);		}
#endif
		
		qsend(now.reply, 0, ((int)((P0 *)_this)->i), 9, 11, 0, 0, 5);
		_m = 2; goto P999; /* 0 */
	case 153: // STATE 322 - handover.pml:111 - [(!(at_rest))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][322] = 1;
		if (!( !(((int)now.at_rest))))
			continue;
		_m = 3; goto P999; /* 0 */
	case 154: // STATE 327 - handover.pml:305 - [request[i]?_,_,_] (0:0:3 - 1)
		reached[0][327] = 1;
		if (q_len(now.request[ Index(((int)((P0 *)_this)->i), 2) ]) == 0) continue;

		XX=1;
		(trpt+1)->bup.ovals = grab_ints(3);
		(trpt+1)->bup.ovals[0] = qrecv(now.request[ Index(((int)((P0 *)_this)->i), 2) ], XX-1, 0, 0);
		(trpt+1)->bup.ovals[1] = qrecv(now.request[ Index(((int)((P0 *)_this)->i), 2) ], XX-1, 1, 0);
		(trpt+1)->bup.ovals[2] = qrecv(now.request[ Index(((int)((P0 *)_this)->i), 2) ], XX-1, 2, 0);
		;
		qrecv(now.request[ Index(((int)((P0 *)_this)->i), 2) ], XX-1, 0, 0);
		qrecv(now.request[ Index(((int)((P0 *)_this)->i), 2) ], XX-1, 1, 0);
		qrecv(now.request[ Index(((int)((P0 *)_this)->i), 2) ], XX-1, 2, 1);
		
#ifdef HAS_CODE
		if (readtrail && gui) {
			char simtmp[32];
			sprintf(simvals, "%d?", now.request[ Index(((int)((P0 *)_this)->i), 2) ]);
		sprintf(simtmp, "%d", ((int)_)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)_)); strcat(simvals, simtmp);		strcat(simvals, ",");
		sprintf(simtmp, "%d", ((int)_)); strcat(simvals, simtmp);		}
#endif
		;
		_m = 4; goto P999; /* 0 */
	case 155: // STATE 328 - handover.pml:306 - [(empty(request[i]))] (0:0:0 - 1)
		IfNotBlocked
		reached[0][328] = 1;
		if (!((q_len(now.request[ Index(((int)((P0 *)_this)->i), 2) ])==0)))
			continue;
		_m = 3; goto P999; /* 0 */
	case 156: // STATE 329 - handover.pml:306 - [state[i] = inactive] (0:0:1 - 1)
		IfNotBlocked
		reached[0][329] = 1;
		(trpt+1)->bup.oval = now.state[ Index(((int)((P0 *)_this)->i), 2) ];
		now.state[ Index(((P0 *)_this)->i, 2) ] = 4;
#ifdef VAR_RANGES
		logval("state[server:i]", now.state[ Index(((int)((P0 *)_this)->i), 2) ]);
#endif
		;
		_m = 3; goto P999; /* 0 */
	case 157: // STATE 334 - handover.pml:308 - [-end-] (0:0:0 - 1)
		IfNotBlocked
		reached[0][334] = 1;
		if (!delproc(1, II)) continue;
		_m = 3; goto P999; /* 0 */
	case  _T5:	/* np_ */
		if (!((!(trpt->o_pm&4) && !(trpt->tau&128))))
			continue;
		/* else fall through */
	case  _T2:	/* true */
		_m = 3; goto P999;
#undef rand
	}

