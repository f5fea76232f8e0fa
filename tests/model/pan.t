#ifdef PEG
struct T_SRC {
	char *fl; int ln;
} T_SRC[NTRANS];

void
tr_2_src(int m, char *file, int ln)
{	T_SRC[m].fl = file;
	T_SRC[m].ln = ln;
}

void
putpeg(int n, int m)
{	printf("%5d	trans %4d ", m, n);
	printf("%s:%d\n",
		T_SRC[n].fl, T_SRC[n].ln);
}
#endif

void
settable(void)
{	Trans *T;
	Trans *settr(int, int, int, int, int, char *, int, int, int);

	trans = (Trans ***) emalloc(6*sizeof(Trans **));

	/* proctype 4: :init: */

	trans[4] = (Trans **) emalloc(15*sizeof(Trans *));

/*->*/	trans[4][7]	= settr(524,32,13,3,3,"D_STEP454", 1, 2, 0);
	T = trans[ 4][13] = settr(530,2,0,0,0,"ATOMIC", 0, 2, 0);
	T->nxt	= settr(530,2,8,0,0,"ATOMIC", 0, 2, 0);
	trans[4][8]	= settr(525,2,9,4,4,"(run server(0))", 0, 2, 0);
	trans[4][9]	= settr(526,2,10,5,5,"(run server(1))", 0, 2, 0);
	trans[4][10]	= settr(527,2,11,6,6,"(run guest())", 0, 2, 0);
	trans[4][11]	= settr(528,2,12,7,7,"(run caller())", 0, 2, 0);
	trans[4][12]	= settr(529,0,14,8,8,"(run operator())", 0, 2, 0);
	trans[4][14]	= settr(531,0,0,9,9,"-end-", 0, 3500, 0);

	/* proctype 3: operator */

	trans[3] = (Trans **) emalloc(34*sizeof(Trans *));

	trans[3][1]	= settr(485,0,2,10,0,"(caller_ended)", 1, 2, 0);
	trans[3][2]	= settr(486,0,3,11,11,"at_rest = 1", 1, 2, 0);
	trans[3][3]	= settr(487,0,7,12,0,"((((empty(request[0])&&empty(request[1]))&&((state[0]==inactive)||(state[0]==serving)))&&((state[1]==inactive)||(state[1]==serving))))", 1, 1003, 1003);
	trans[3][8]	= settr(492,0,7,1,0,".(goto)", 0, 2, 0);
	T = trans[3][7] = settr(491,0,0,0,0,"DO", 0, 2, 0);
	T = T->nxt	= settr(491,0,4,0,0,"DO", 0, 2, 0);
	    T->nxt	= settr(491,0,5,0,0,"DO", 0, 2, 0);
	trans[3][4]	= settr(488,0,7,13,13,"reply?_,_,_,_,_", 1, 504, 0);
	trans[3][5]	= settr(489,0,10,14,0,"(empty(reply))", 1, 1004, 0);
	trans[3][6]	= settr(490,0,10,1,0,"goto :b7", 0, 2, 0);
	trans[3][9]	= settr(493,0,10,1,0,"break", 0, 2, 0);
	trans[3][10]	= settr(494,0,11,15,15,"stale[0] = disk", 1, 2, 0);
	trans[3][11]	= settr(495,0,30,16,16,"stale[1] = disk", 1, 2, 0);
	T = trans[3][30] = settr(514,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(514,0,12,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(514,0,13,0,0,"IF", 0, 2, 0);
	trans[3][12]	= settr(496,0,32,17,0,"(((state[0]==serving)||(state[1]==serving)))", 1, 2, 0);
	trans[3][31]	= settr(515,0,32,1,0,".(goto)", 0, 2, 0);
	trans[3][13]	= settr(497,0,20,2,0,"else", 0, 2, 0);
	T = trans[3][20] = settr(504,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(504,0,14,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(504,0,16,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(504,0,18,0,0,"IF", 0, 2, 0);
	trans[3][14]	= settr(498,0,15,18,0,"(((rec==held)&&(rec_owner==0)))", 1, 2, 0);
	trans[3][15]	= settr(499,0,22,19,19,"request[0]!do_activate,0,0", 1, 3, 0);
	trans[3][21]	= settr(505,0,22,1,0,".(goto)", 0, 2, 0);
	trans[3][16]	= settr(500,0,17,20,0,"(((rec==held)&&(rec_owner==1)))", 1, 2, 0);
	trans[3][17]	= settr(501,0,22,21,21,"request[1]!do_activate,0,0", 1, 3, 0);
	trans[3][18]	= settr(502,0,19,22,0,"((rec!=held))", 1, 2, 0);
	trans[3][19]	= settr(503,0,22,23,23,"request[1]!do_activate,0,0", 1, 3, 0);
	trans[3][22]	= settr(506,0,28,24,0,"(nempty(reply))", 1, 504, 0);
	T = trans[3][28] = settr(512,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(512,0,23,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(512,0,24,0,0,"IF", 0, 2, 0);
	trans[3][23]	= settr(507,0,32,25,25,"reply?_,_,done,_,_", 1, 504, 0);
	trans[3][29]	= settr(513,0,32,1,0,".(goto)", 0, 2, 0);
	trans[3][24]	= settr(508,0,25,26,26,"reply?_,_,refused,_,_", 1, 504, 0);
	trans[3][25]	= settr(509,0,26,27,27,"request[0]!do_activate,0,0", 1, 3, 0);
	trans[3][26]	= settr(510,0,27,28,0,"(nempty(reply))", 1, 504, 0);
	trans[3][27]	= settr(511,0,32,29,29,"reply?_,_,_,_,_", 1, 504, 0);
	trans[3][32]	= settr(516,0,33,30,0,"assert(((state[0]==serving)!=(state[1]==serving)))", 1, 2, 0);
	trans[3][33]	= settr(517,0,0,31,31,"-end-", 0, 3500, 0);

	/* proctype 2: caller */

	trans[2] = (Trans **) emalloc(114*sizeof(Trans *));

	trans[2][43]	= settr(414,0,42,1,0,".(goto)", 0, 2, 0);
	T = trans[2][42] = settr(413,0,0,0,0,"DO", 0, 2, 0);
	T = T->nxt	= settr(413,0,13,0,0,"DO", 0, 2, 0);
	    T->nxt	= settr(413,0,41,0,0,"DO", 0, 2, 0);
	T = trans[ 2][13] = settr(384,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(384,0,11,0,0,"sub-sequence", 0, 2, 0);
	T = trans[2][11] = settr(382,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(382,0,1,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(382,0,3,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(382,0,10,0,0,"IF", 0, 2, 0);
	trans[2][1]	= settr(372,0,2,32,0,"(nfull(request[0]))", 1, 3, 0);
	trans[2][2]	= settr(373,0,28,33,33,"request[0]!10,0,0", 1, 3, 0);
	trans[2][12]	= settr(383,0,28,1,0,".(goto)", 0, 2, 0);
	trans[2][3]	= settr(374,0,4,34,0,"((nfull(request[0])&&!(at_rest)))", 1, 3, 0);
	trans[2][4]	= settr(375,0,8,35,35,"request[0]!10,0,0", 1, 3, 0);
	T = trans[2][8] = settr(379,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(379,0,5,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(379,0,7,0,0,"IF", 0, 2, 0);
	trans[2][5]	= settr(376,0,6,36,0,"(nfull(request[0]))", 1, 3, 0);
	trans[2][6]	= settr(377,0,28,37,37,"request[0]!10,0,0", 1, 3, 0);
	trans[2][9]	= settr(380,0,28,1,0,".(goto)", 0, 2, 0);
	trans[2][7]	= settr(378,0,28,1,0,"(1)", 0, 2, 0);
	trans[2][10]	= settr(381,0,28,1,0,"(1)", 0, 2, 0);
	T = trans[ 2][28] = settr(399,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(399,0,14,0,0,"sub-sequence", 0, 2, 0);
	trans[2][14]	= settr(385,0,25,38,38,"outcome = 0", 0, 2, 0);
	trans[2][26]	= settr(397,0,25,1,0,".(goto)", 0, 2, 0);
	T = trans[2][25] = settr(396,0,0,0,0,"DO", 0, 2, 0);
	T = T->nxt	= settr(396,0,15,0,0,"DO", 0, 2, 0);
	    T->nxt	= settr(396,0,22,0,0,"DO", 0, 2, 0);
	trans[2][15]	= settr(386,0,20,39,39,"reply?from,what,outcome,epoch,digest", 1, 504, 0);
	T = trans[2][20] = settr(391,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(391,0,16,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(391,0,18,0,0,"IF", 0, 2, 0);
	trans[2][16]	= settr(387,0,39,40,40,"(((from==0)&&(what==10)))", 0, 2, 0);
	trans[2][17]	= settr(388,0,39,1,0,"goto :b4", 0, 2, 0);
	trans[2][21]	= settr(392,0,25,1,0,".(goto)", 0, 2, 0);
	trans[2][18]	= settr(389,0,19,2,0,"else", 0, 2, 0);
	trans[2][19]	= settr(390,0,25,41,41,"outcome = 0", 0, 2, 0);
	trans[2][22]	= settr(393,0,39,42,42,"(1)", 0, 2, 0); /* m: 23 -> 39,0 */
	reached2[23] = 1;
	trans[2][23]	= settr(0,0,0,0,0,"outcome = 0",0,0,0);
	trans[2][24]	= settr(395,0,39,1,0,"goto :b4", 0, 2, 0);
	trans[2][27]	= settr(398,0,39,1,0,"break", 0, 2, 0);
	T = trans[2][39] = settr(410,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(410,0,29,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(410,0,33,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(410,0,35,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(410,0,37,0,0,"IF", 0, 2, 0);
	trans[2][29]	= settr(400,0,47,43,43,"((outcome==done))", 0, 2, 0); /* m: 30 -> 47,0 */
	reached2[30] = 1;
	trans[2][30]	= settr(0,0,0,0,0,"ticket = epoch",0,0,0);
	trans[2][31]	= settr(0,0,0,0,0,"ticket_digest = digest",0,0,0);
	trans[2][32]	= settr(403,0,47,1,0,"goto :b3", 0, 2, 0);
	trans[2][40]	= settr(411,0,42,1,0,".(goto)", 0, 2, 0);
	trans[2][33]	= settr(404,0,112,44,44,"((outcome==refused))", 0, 2, 0);
	trans[2][34]	= settr(405,0,112,1,0,"goto over", 0, 2, 0);
	trans[2][35]	= settr(406,0,42,45,45,"(((outcome==0)&&(tries<1)))", 0, 2, 0); /* m: 36 -> 42,0 */
	reached2[36] = 1;
	trans[2][36]	= settr(0,0,0,0,0,"tries = (tries+1)",0,0,0);
	trans[2][37]	= settr(408,0,96,46,46,"(((outcome==0)&&(tries>=1)))", 0, 2, 0);
	trans[2][38]	= settr(409,0,96,1,0,"goto roll_back", 0, 2, 0);
	trans[2][41]	= settr(412,0,112,1,0,"goto over", 0, 2, 0);
	trans[2][44]	= settr(415,0,47,1,0,"break", 0, 2, 0);
	T = trans[2][47] = settr(418,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(418,0,45,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(418,0,46,0,0,"IF", 0, 2, 0);
	trans[2][45]	= settr(416,0,61,1,0,"(1)", 0, 2, 0);
	trans[2][48]	= settr(419,0,61,1,0,".(goto)", 0, 2, 0);
	trans[2][46]	= settr(417,0,112,1,0,"goto over", 0, 2, 0);
	T = trans[ 2][61] = settr(432,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(432,0,59,0,0,"sub-sequence", 0, 2, 0);
	T = trans[2][59] = settr(430,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(430,0,49,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(430,0,51,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(430,0,58,0,0,"IF", 0, 2, 0);
	trans[2][49]	= settr(420,0,50,47,0,"(nfull(request[1]))", 1, 3, 0);
	trans[2][50]	= settr(421,0,76,48,48,"request[1]!9,ticket,ticket_digest", 1, 3, 0);
	trans[2][60]	= settr(431,0,76,1,0,".(goto)", 0, 2, 0);
	trans[2][51]	= settr(422,0,52,49,0,"((nfull(request[1])&&!(at_rest)))", 1, 3, 0);
	trans[2][52]	= settr(423,0,56,50,50,"request[1]!9,ticket,ticket_digest", 1, 3, 0);
	T = trans[2][56] = settr(427,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(427,0,53,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(427,0,55,0,0,"IF", 0, 2, 0);
	trans[2][53]	= settr(424,0,54,51,0,"(nfull(request[1]))", 1, 3, 0);
	trans[2][54]	= settr(425,0,76,52,52,"request[1]!9,ticket,ticket_digest", 1, 3, 0);
	trans[2][57]	= settr(428,0,76,1,0,".(goto)", 0, 2, 0);
	trans[2][55]	= settr(426,0,76,1,0,"(1)", 0, 2, 0);
	trans[2][58]	= settr(429,0,76,1,0,"(1)", 0, 2, 0);
	T = trans[ 2][76] = settr(447,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(447,0,62,0,0,"sub-sequence", 0, 2, 0);
	trans[2][62]	= settr(433,0,73,53,53,"outcome = 0", 0, 2, 0);
	trans[2][74]	= settr(445,0,73,1,0,".(goto)", 0, 2, 0);
	T = trans[2][73] = settr(444,0,0,0,0,"DO", 0, 2, 0);
	T = T->nxt	= settr(444,0,63,0,0,"DO", 0, 2, 0);
	    T->nxt	= settr(444,0,70,0,0,"DO", 0, 2, 0);
	trans[2][63]	= settr(434,0,68,54,54,"reply?from,what,outcome,epoch,digest", 1, 504, 0);
	T = trans[2][68] = settr(439,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(439,0,64,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(439,0,66,0,0,"IF", 0, 2, 0);
	trans[2][64]	= settr(435,0,82,55,55,"(((from==1)&&(what==9)))", 0, 2, 0);
	trans[2][65]	= settr(436,0,82,1,0,"goto :b5", 0, 2, 0);
	trans[2][69]	= settr(440,0,73,1,0,".(goto)", 0, 2, 0);
	trans[2][66]	= settr(437,0,67,2,0,"else", 0, 2, 0);
	trans[2][67]	= settr(438,0,73,56,56,"outcome = 0", 0, 2, 0);
	trans[2][70]	= settr(441,0,82,57,57,"(1)", 0, 2, 0); /* m: 71 -> 82,0 */
	reached2[71] = 1;
	trans[2][71]	= settr(0,0,0,0,0,"outcome = 0",0,0,0);
	trans[2][72]	= settr(443,0,82,1,0,"goto :b5", 0, 2, 0);
	trans[2][75]	= settr(446,0,82,1,0,"break", 0, 2, 0);
	T = trans[2][82] = settr(453,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(453,0,77,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(453,0,79,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(453,0,81,0,0,"IF", 0, 2, 0);
	trans[2][77]	= settr(448,0,112,58,58,"((outcome==done))", 0, 2, 0);
	trans[2][78]	= settr(449,0,112,1,0,"goto over", 0, 2, 0);
	trans[2][83]	= settr(454,0,96,1,0,".(goto)", 0, 2, 0);
	trans[2][79]	= settr(450,0,96,59,59,"(((outcome==refused)||(outcome==0)))", 0, 2, 0);
	trans[2][80]	= settr(451,0,96,1,0,"goto roll_back", 0, 2, 0);
	trans[2][81]	= settr(452,0,112,1,0,"goto over", 0, 2, 0);
	T = trans[ 2][96] = settr(467,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(467,0,94,0,0,"sub-sequence", 0, 2, 0);
	T = trans[2][94] = settr(465,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(465,0,84,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(465,0,86,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(465,0,93,0,0,"IF", 0, 2, 0);
	trans[2][84]	= settr(455,0,85,60,0,"(nfull(request[0]))", 1, 3, 0);
	trans[2][85]	= settr(456,0,111,61,61,"request[0]!9,0,0", 1, 3, 0);
	trans[2][95]	= settr(466,0,111,1,0,".(goto)", 0, 2, 0);
	trans[2][86]	= settr(457,0,87,62,0,"((nfull(request[0])&&!(at_rest)))", 1, 3, 0);
	trans[2][87]	= settr(458,0,91,63,63,"request[0]!9,0,0", 1, 3, 0);
	T = trans[2][91] = settr(462,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(462,0,88,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(462,0,90,0,0,"IF", 0, 2, 0);
	trans[2][88]	= settr(459,0,89,64,0,"(nfull(request[0]))", 1, 3, 0);
	trans[2][89]	= settr(460,0,111,65,65,"request[0]!9,0,0", 1, 3, 0);
	trans[2][92]	= settr(463,0,111,1,0,".(goto)", 0, 2, 0);
	trans[2][90]	= settr(461,0,111,1,0,"(1)", 0, 2, 0);
	trans[2][93]	= settr(464,0,111,1,0,"(1)", 0, 2, 0);
	T = trans[ 2][111] = settr(482,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(482,0,97,0,0,"sub-sequence", 0, 2, 0);
	trans[2][97]	= settr(468,0,108,66,66,"outcome = 0", 0, 2, 0);
	trans[2][109]	= settr(480,0,108,1,0,".(goto)", 0, 2, 0);
	T = trans[2][108] = settr(479,0,0,0,0,"DO", 0, 2, 0);
	T = T->nxt	= settr(479,0,98,0,0,"DO", 0, 2, 0);
	    T->nxt	= settr(479,0,105,0,0,"DO", 0, 2, 0);
	trans[2][98]	= settr(469,0,103,67,67,"reply?from,what,outcome,epoch,digest", 1, 504, 0);
	T = trans[2][103] = settr(474,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(474,0,99,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(474,0,101,0,0,"IF", 0, 2, 0);
	trans[2][99]	= settr(470,0,112,68,68,"(((from==0)&&(what==9)))", 0, 2, 0);
	trans[2][100]	= settr(471,0,112,1,0,"goto :b6", 0, 2, 0);
	trans[2][104]	= settr(475,0,108,1,0,".(goto)", 0, 2, 0);
	trans[2][101]	= settr(472,0,102,2,0,"else", 0, 2, 0);
	trans[2][102]	= settr(473,0,108,69,69,"outcome = 0", 0, 2, 0);
	trans[2][105]	= settr(476,0,112,70,70,"(1)", 0, 2, 0); /* m: 106 -> 112,0 */
	reached2[106] = 1;
	trans[2][106]	= settr(0,0,0,0,0,"outcome = 0",0,0,0);
	trans[2][107]	= settr(478,0,112,1,0,"goto :b6", 0, 2, 0);
	trans[2][110]	= settr(481,0,112,1,0,"break", 0, 2, 0);
	trans[2][112]	= settr(483,0,113,71,71,"caller_ended = 1", 1, 2, 0);
	trans[2][113]	= settr(484,0,0,72,72,"-end-", 0, 3500, 0);

	/* proctype 1: guest */

	trans[1] = (Trans **) emalloc(39*sizeof(Trans *));

	trans[1][36]	= settr(369,0,35,1,0,".(goto)", 0, 2, 0);
	T = trans[1][35] = settr(368,0,0,0,0,"DO", 0, 2, 0);
	T = T->nxt	= settr(368,0,7,0,0,"DO", 0, 2, 0);
	T = T->nxt	= settr(368,0,14,0,0,"DO", 0, 2, 0);
	T = T->nxt	= settr(368,0,24,0,0,"DO", 0, 2, 0);
	    T->nxt	= settr(368,0,34,0,0,"DO", 0, 2, 0);
	T = trans[ 1][7] = settr(340,2,0,0,0,"ATOMIC", 1, 2, 0);
	T->nxt	= settr(340,2,1,0,0,"ATOMIC", 1, 2, 0);
	trans[1][1]	= settr(334,2,6,73,0,"(((state[0]==serving)&&(nr_writes<2)))", 1, 2, 0);
	T = trans[ 1][6] = settr(339,0,0,0,0,"sub-sequence", 1, 2, 0);
	T->nxt	= settr(339,0,5,0,0,"sub-sequence", 1, 2, 0);
	T = trans[ 1][5] = settr(338,0,0,0,0,"sub-sequence", 1, 2, 0);
	T->nxt	= settr(338,0,2,0,0,"sub-sequence", 1, 2, 0);
	trans[1][2]	= settr(335,0,35,74,74,"assert(((((lock==0)&&(rec==held))&&(rec_owner==0))&&(rec_epoch==held_epoch[0])))", 1, 2, 0); /* m: 3 -> 0,35 */
	reached1[3] = 1;
	trans[1][3]	= settr(0,0,0,0,0,"view[0] = (view[0]+1)",0,0,0);
	trans[1][4]	= settr(0,0,0,0,0,"nr_writes = (nr_writes+1)",0,0,0);
	T = trans[ 1][14] = settr(347,2,0,0,0,"ATOMIC", 1, 2, 0);
	T->nxt	= settr(347,2,8,0,0,"ATOMIC", 1, 2, 0);
	trans[1][8]	= settr(341,2,13,75,0,"(((state[1]==serving)&&(nr_writes<2)))", 1, 2, 0);
	T = trans[ 1][13] = settr(346,0,0,0,0,"sub-sequence", 1, 2, 0);
	T->nxt	= settr(346,0,12,0,0,"sub-sequence", 1, 2, 0);
	T = trans[ 1][12] = settr(345,0,0,0,0,"sub-sequence", 1, 2, 0);
	T->nxt	= settr(345,0,9,0,0,"sub-sequence", 1, 2, 0);
	trans[1][9]	= settr(342,0,35,76,76,"assert(((((lock==1)&&(rec==held))&&(rec_owner==1))&&(rec_epoch==held_epoch[1])))", 1, 2, 0); /* m: 10 -> 0,35 */
	reached1[10] = 1;
	trans[1][10]	= settr(0,0,0,0,0,"view[1] = (view[1]+1)",0,0,0);
	trans[1][11]	= settr(0,0,0,0,0,"nr_writes = (nr_writes+1)",0,0,0);
	T = trans[ 1][24] = settr(357,2,0,0,0,"ATOMIC", 1, 2, 0);
	T->nxt	= settr(357,2,15,0,0,"ATOMIC", 1, 2, 0);
	trans[1][15]	= settr(348,2,23,77,0,"(((state[0]==serving)&&(view[0]!=flushed)))", 1, 2, 0);
	T = trans[ 1][23] = settr(356,0,0,0,0,"sub-sequence", 1, 2, 0);
	T->nxt	= settr(356,0,22,0,0,"sub-sequence", 1, 2, 0);
/*->*/	trans[1][22]	= settr(355,36,35,78,78,"D_STEP119", 1, 2, 0);
	T = trans[ 1][34] = settr(367,2,0,0,0,"ATOMIC", 1, 2, 0);
	T->nxt	= settr(367,2,25,0,0,"ATOMIC", 1, 2, 0);
	trans[1][25]	= settr(358,2,33,79,0,"(((state[1]==serving)&&(view[1]!=flushed)))", 1, 2, 0);
	T = trans[ 1][33] = settr(366,0,0,0,0,"sub-sequence", 1, 2, 0);
	T->nxt	= settr(366,0,32,0,0,"sub-sequence", 1, 2, 0);
/*->*/	trans[1][32]	= settr(365,36,35,80,80,"D_STEP119", 1, 2, 0);
	trans[1][37]	= settr(370,0,38,1,0,"break", 0, 2, 0);
	trans[1][38]	= settr(371,0,0,81,81,"-end-", 0, 3500, 0);

	/* proctype 0: server */

	trans[0] = (Trans **) emalloc(335*sizeof(Trans *));

	trans[0][59]	= settr(58,0,58,1,0,".(goto)", 0, 2, 0);
	T = trans[0][58] = settr(57,0,0,0,0,"DO", 0, 2, 0);
	T = T->nxt	= settr(57,0,1,0,0,"DO", 0, 2, 0);
	    T->nxt	= settr(57,0,42,0,0,"DO", 0, 2, 0);
	trans[0][1]	= settr(0,0,40,82,82,"request[i]?command,ticket,digest", 1, 503, 0);
	T = trans[0][40] = settr(39,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(39,0,2,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(39,0,4,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(39,0,21,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(39,0,38,0,0,"IF", 0, 2, 0);
	trans[0][2]	= settr(1,0,61,83,83,"(((command==do_inactivate)&&(state[i]==serving)))", 1, 2, 0);
	trans[0][3]	= settr(2,0,61,1,0,"goto inactivate", 0, 2, 0);
	trans[0][41]	= settr(40,0,58,1,0,".(goto)", 0, 2, 0);
	trans[0][4]	= settr(3,0,19,84,84,"(((command==do_inactivate)&&(state[i]==inactive)))", 1, 2, 0);
	T = trans[0][19] = settr(18,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(18,0,5,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(18,0,12,0,0,"IF", 0, 2, 0);
	trans[0][5]	= settr(4,0,11,85,0,"((released_epoch[i]!=0))", 1, 2, 0);
	T = trans[ 0][11] = settr(10,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(10,0,9,0,0,"sub-sequence", 0, 2, 0);
	T = trans[0][9] = settr(8,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(8,0,6,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(8,0,8,0,0,"IF", 0, 2, 0);
	trans[0][6]	= settr(5,0,7,86,0,"(nfull(reply))", 1, 4, 0);
	trans[0][7]	= settr(6,0,58,87,87,"reply!i,10,12,released_epoch[i],released_view[i]", 1, 4, 0);
	trans[0][10]	= settr(9,0,58,1,0,".(goto)", 0, 2, 0);
	trans[0][8]	= settr(7,0,58,88,0,"(!(at_rest))", 1, 2, 0);
	trans[0][20]	= settr(19,0,58,1,0,".(goto)", 0, 2, 0);
	trans[0][12]	= settr(11,0,18,2,0,"else", 0, 2, 0);
	T = trans[ 0][18] = settr(17,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(17,0,16,0,0,"sub-sequence", 0, 2, 0);
	T = trans[0][16] = settr(15,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(15,0,13,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(15,0,15,0,0,"IF", 0, 2, 0);
	trans[0][13]	= settr(12,0,14,89,0,"(nfull(reply))", 1, 4, 0);
	trans[0][14]	= settr(13,0,58,90,90,"reply!i,10,11,0,0", 1, 4, 0);
	trans[0][17]	= settr(16,0,58,1,0,".(goto)", 0, 2, 0);
	trans[0][15]	= settr(14,0,58,91,0,"(!(at_rest))", 1, 2, 0);
	trans[0][21]	= settr(20,0,36,92,92,"(((command==do_activate)&&(state[i]==serving)))", 1, 2, 0);
	T = trans[0][36] = settr(35,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(35,0,22,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(35,0,29,0,0,"IF", 0, 2, 0);
	trans[0][22]	= settr(21,0,28,93,93,"(((ticket==0)||((ticket+1)==held_epoch[i])))", 1, 2, 0);
	T = trans[ 0][28] = settr(27,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(27,0,26,0,0,"sub-sequence", 0, 2, 0);
	T = trans[0][26] = settr(25,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(25,0,23,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(25,0,25,0,0,"IF", 0, 2, 0);
	trans[0][23]	= settr(22,0,24,94,0,"(nfull(reply))", 1, 4, 0);
	trans[0][24]	= settr(23,0,58,95,95,"reply!i,9,12,0,0", 1, 4, 0);
	trans[0][27]	= settr(26,0,58,1,0,".(goto)", 0, 2, 0);
	trans[0][25]	= settr(24,0,58,96,0,"(!(at_rest))", 1, 2, 0);
	trans[0][37]	= settr(36,0,58,1,0,".(goto)", 0, 2, 0);
	trans[0][29]	= settr(28,0,35,2,0,"else", 0, 2, 0);
	T = trans[ 0][35] = settr(34,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(34,0,33,0,0,"sub-sequence", 0, 2, 0);
	T = trans[0][33] = settr(32,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(32,0,30,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(32,0,32,0,0,"IF", 0, 2, 0);
	trans[0][30]	= settr(29,0,31,97,0,"(nfull(reply))", 1, 4, 0);
	trans[0][31]	= settr(30,0,58,98,98,"reply!i,9,11,0,0", 1, 4, 0);
	trans[0][34]	= settr(33,0,58,1,0,".(goto)", 0, 2, 0);
	trans[0][32]	= settr(31,0,58,99,0,"(!(at_rest))", 1, 2, 0);
	trans[0][38]	= settr(37,0,151,100,100,"(((command==do_activate)&&(state[i]==inactive)))", 1, 2, 0);
	trans[0][39]	= settr(38,0,151,1,0,"goto activate", 0, 2, 0);
	trans[0][42]	= settr(41,0,56,101,0,"(((nr_deaths<2)&&!(at_rest)))", 1, 2, 0);
	T = trans[ 0][56] = settr(55,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(55,0,55,0,0,"sub-sequence", 0, 2, 0);
/*->*/	trans[0][55]	= settr(54,32,331,102,102,"D_STEP83", 1, 2, 0);
	trans[0][57]	= settr(56,0,331,1,0,"goto restart", 0, 2, 0);
	trans[0][60]	= settr(59,0,61,1,0,"break", 0, 2, 0);
	trans[0][61]	= settr(60,0,81,103,103,"state[i] = inactivating", 1, 2, 0);
	T = trans[ 0][81] = settr(80,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(80,0,79,0,0,"sub-sequence", 0, 2, 0);
	T = trans[0][79] = settr(78,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(78,0,62,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(78,0,63,0,0,"IF", 0, 2, 0);
	trans[0][62]	= settr(61,0,89,1,0,"(1)", 0, 2, 0);
	trans[0][80]	= settr(79,0,89,1,0,".(goto)", 0, 2, 0);
	trans[0][63]	= settr(62,0,77,104,0,"(((nr_deaths<2)&&!(at_rest)))", 1, 2, 0);
	T = trans[ 0][77] = settr(76,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(76,0,76,0,0,"sub-sequence", 0, 2, 0);
/*->*/	trans[0][76]	= settr(75,32,331,105,105,"D_STEP83", 1, 2, 0);
	trans[0][78]	= settr(77,0,331,1,0,"goto restart", 0, 2, 0);
	T = trans[ 0][89] = settr(88,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(88,0,88,0,0,"sub-sequence", 0, 2, 0);
/*->*/	trans[0][88]	= settr(87,32,109,106,106,"D_STEP119", 1, 2, 0);
	T = trans[ 0][109] = settr(108,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(108,0,107,0,0,"sub-sequence", 0, 2, 0);
	T = trans[0][107] = settr(106,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(106,0,90,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(106,0,91,0,0,"IF", 0, 2, 0);
	trans[0][90]	= settr(89,0,113,1,0,"(1)", 0, 2, 0);
	trans[0][108]	= settr(107,0,113,1,0,".(goto)", 0, 2, 0);
	trans[0][91]	= settr(90,0,105,107,0,"(((nr_deaths<2)&&!(at_rest)))", 1, 2, 0);
	T = trans[ 0][105] = settr(104,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(104,0,104,0,0,"sub-sequence", 0, 2, 0);
/*->*/	trans[0][104]	= settr(103,32,331,108,108,"D_STEP83", 1, 2, 0);
	trans[0][106]	= settr(105,0,331,1,0,"goto restart", 0, 2, 0);
/*->*/	trans[0][113]	= settr(112,32,133,109,109,"D_STEP206", 1, 2, 0);
	T = trans[ 0][133] = settr(132,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(132,0,131,0,0,"sub-sequence", 0, 2, 0);
	T = trans[0][131] = settr(130,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(130,0,114,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(130,0,115,0,0,"IF", 0, 2, 0);
	trans[0][114]	= settr(113,0,139,1,0,"(1)", 0, 2, 0);
	trans[0][132]	= settr(131,0,139,1,0,".(goto)", 0, 2, 0);
	trans[0][115]	= settr(114,0,129,110,0,"(((nr_deaths<2)&&!(at_rest)))", 1, 2, 0);
	T = trans[ 0][129] = settr(128,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(128,0,128,0,0,"sub-sequence", 0, 2, 0);
/*->*/	trans[0][128]	= settr(127,32,331,111,111,"D_STEP83", 1, 2, 0);
	trans[0][130]	= settr(129,0,331,1,0,"goto restart", 0, 2, 0);
/*->*/	trans[0][139]	= settr(138,32,143,112,112,"D_STEP215", 1, 2, 0);
/*->*/	trans[0][143]	= settr(142,32,149,113,113,"D_STEP222", 1, 2, 0);
	T = trans[ 0][149] = settr(148,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(148,0,147,0,0,"sub-sequence", 0, 2, 0);
	T = trans[0][147] = settr(146,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(146,0,144,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(146,0,146,0,0,"IF", 0, 2, 0);
	trans[0][144]	= settr(143,0,145,114,0,"(nfull(reply))", 1, 4, 0);
	trans[0][145]	= settr(144,0,58,115,115,"reply!i,10,12,released_epoch[i],released_view[i]", 1, 4, 0);
	trans[0][148]	= settr(147,0,58,1,0,".(goto)", 0, 2, 0);
	trans[0][146]	= settr(145,0,58,116,0,"(!(at_rest))", 1, 2, 0);
	trans[0][150]	= settr(149,0,58,1,0,"goto idle", 0, 2, 0);
	trans[0][151]	= settr(150,0,171,117,117,"state[i] = activating", 1, 2, 0);
	T = trans[ 0][171] = settr(170,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(170,0,169,0,0,"sub-sequence", 0, 2, 0);
	T = trans[0][169] = settr(168,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(168,0,152,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(168,0,153,0,0,"IF", 0, 2, 0);
	trans[0][152]	= settr(151,0,179,1,0,"(1)", 0, 2, 0);
	trans[0][170]	= settr(169,0,179,1,0,".(goto)", 0, 2, 0);
	trans[0][153]	= settr(152,0,167,118,0,"(((nr_deaths<2)&&!(at_rest)))", 1, 2, 0);
	T = trans[ 0][167] = settr(166,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(166,0,166,0,0,"sub-sequence", 0, 2, 0);
/*->*/	trans[0][166]	= settr(165,32,331,119,119,"D_STEP83", 1, 2, 0);
	trans[0][168]	= settr(167,0,331,1,0,"goto restart", 0, 2, 0);
	T = trans[ 0][179] = settr(178,2,0,0,0,"ATOMIC", 1, 2, 0);
	T->nxt	= settr(178,2,177,0,0,"ATOMIC", 1, 2, 0);
	T = trans[0][177] = settr(176,2,0,0,0,"IF", 1, 2, 0);
	T = T->nxt	= settr(176,2,172,0,0,"IF", 1, 2, 0);
	    T->nxt	= settr(176,2,174,0,0,"IF", 1, 2, 0);
	trans[0][172]	= settr(171,4,199,120,120,"((lock==2))", 1, 2, 0); /* m: 173 -> 199,0 */
	reached0[173] = 1;
	trans[0][173]	= settr(0,0,0,0,0,"lock = i",0,0,0);
	trans[0][178]	= settr(177,0,199,1,0,".(goto)", 1, 2, 0);
	trans[0][174]	= settr(173,2,175,2,0,"else", 1, 2, 0);
	trans[0][175]	= settr(174,4,325,121,121,"state[i] = inactive", 1, 2, 0); /* m: 176 -> 0,325 */
	reached0[176] = 1;
	trans[0][176]	= settr(175,0,325,1,0,"goto refuse", 1, 2, 0);
	T = trans[ 0][199] = settr(198,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(198,0,197,0,0,"sub-sequence", 0, 2, 0);
	T = trans[0][197] = settr(196,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(196,0,180,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(196,0,181,0,0,"IF", 0, 2, 0);
	trans[0][180]	= settr(179,0,212,1,0,"(1)", 0, 2, 0);
	trans[0][198]	= settr(197,0,212,1,0,".(goto)", 0, 2, 0);
	trans[0][181]	= settr(180,0,195,122,0,"(((nr_deaths<2)&&!(at_rest)))", 1, 2, 0);
	T = trans[ 0][195] = settr(194,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(194,0,194,0,0,"sub-sequence", 0, 2, 0);
/*->*/	trans[0][194]	= settr(193,32,331,123,123,"D_STEP83", 1, 2, 0);
	trans[0][196]	= settr(195,0,331,1,0,"goto restart", 0, 2, 0);
	T = trans[ 0][212] = settr(211,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(211,0,210,0,0,"sub-sequence", 0, 2, 0);
	T = trans[0][210] = settr(209,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(209,0,200,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(209,0,202,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(209,0,204,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(209,0,206,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(209,0,208,0,0,"IF", 0, 2, 0);
	trans[0][200]	= settr(199,0,201,124,0,"((rec==none))", 1, 2, 0);
	trans[0][201]	= settr(200,0,232,125,125,"ok = 1", 0, 2, 0);
	trans[0][211]	= settr(210,0,232,1,0,".(goto)", 0, 2, 0);
	trans[0][202]	= settr(201,0,203,126,0,"(((rec==released)&&(ticket!=0)))", 1, 2, 0);
	trans[0][203]	= settr(202,0,232,127,127,"ok = (rec_epoch==ticket)", 1, 2, 0);
	trans[0][204]	= settr(203,0,205,128,0,"(((rec==released)&&(ticket==0)))", 1, 2, 0);
	trans[0][205]	= settr(204,0,232,129,129,"ok = ((released_epoch[i]==0)||(released_epoch[i]==rec_epoch))", 1, 2, 0);
	trans[0][206]	= settr(205,0,207,130,0,"(((rec==held)&&(rec_owner==i)))", 1, 2, 0);
	trans[0][207]	= settr(206,0,232,131,131,"ok = ((ticket==0)||(rec_epoch==(ticket+1)))", 1, 2, 0);
	trans[0][208]	= settr(207,0,209,132,0,"(((rec==held)&&(rec_owner==(1-i))))", 1, 2, 0);
	trans[0][209]	= settr(208,0,232,133,133,"ok = 0", 0, 2, 0);
	T = trans[ 0][232] = settr(231,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(231,0,230,0,0,"sub-sequence", 0, 2, 0);
	T = trans[0][230] = settr(229,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(229,0,213,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(229,0,214,0,0,"IF", 0, 2, 0);
	trans[0][213]	= settr(212,0,236,1,0,"(1)", 0, 2, 0);
	trans[0][231]	= settr(230,0,236,1,0,".(goto)", 0, 2, 0);
	trans[0][214]	= settr(213,0,228,134,0,"(((nr_deaths<2)&&!(at_rest)))", 1, 2, 0);
	T = trans[ 0][228] = settr(227,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(227,0,227,0,0,"sub-sequence", 0, 2, 0);
/*->*/	trans[0][227]	= settr(226,32,331,135,135,"D_STEP83", 1, 2, 0);
	trans[0][229]	= settr(228,0,331,1,0,"goto restart", 0, 2, 0);
	T = trans[0][236] = settr(235,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(235,0,233,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(235,0,235,0,0,"IF", 0, 2, 0);
	trans[0][233]	= settr(232,0,312,136,136,"(!(ok))", 0, 2, 0);
	trans[0][234]	= settr(233,0,312,1,0,"goto back", 0, 2, 0);
	trans[0][237]	= settr(236,0,240,1,0,".(goto)", 0, 2, 0);
	trans[0][235]	= settr(234,0,240,2,0,"else", 0, 2, 0);
	T = trans[0][240] = settr(239,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(239,0,238,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(239,0,239,0,0,"IF", 0, 2, 0);
	trans[0][238]	= settr(237,0,247,137,137,"view[i] = disk", 1, 2, 0);
	trans[0][241]	= settr(240,0,247,1,0,".(goto)", 0, 2, 0);
	trans[0][239]	= settr(238,0,247,138,138,"view[i] = stale[i]", 1, 2, 0);
	T = trans[0][247] = settr(246,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(246,0,242,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(246,0,244,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(246,0,246,0,0,"IF", 0, 2, 0);
	trans[0][242]	= settr(241,0,312,139,0,"((view[i]!=disk))", 1, 2, 0);
	trans[0][243]	= settr(242,0,312,1,0,"goto back", 0, 2, 0);
	trans[0][248]	= settr(247,0,268,1,0,".(goto)", 0, 2, 0);
	trans[0][244]	= settr(243,0,312,140,140,"((((ticket!=0)&&(rec==released))&&(disk!=digest)))", 1, 2, 0);
	trans[0][245]	= settr(244,0,312,1,0,"goto back", 0, 2, 0);
	trans[0][246]	= settr(245,0,268,2,0,"else", 0, 2, 0);
	T = trans[ 0][268] = settr(267,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(267,0,266,0,0,"sub-sequence", 0, 2, 0);
	T = trans[0][266] = settr(265,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(265,0,249,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(265,0,250,0,0,"IF", 0, 2, 0);
	trans[0][249]	= settr(248,0,279,1,0,"(1)", 0, 2, 0);
	trans[0][267]	= settr(266,0,279,1,0,".(goto)", 0, 2, 0);
	trans[0][250]	= settr(249,0,264,141,0,"(((nr_deaths<2)&&!(at_rest)))", 1, 2, 0);
	T = trans[ 0][264] = settr(263,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(263,0,263,0,0,"sub-sequence", 0, 2, 0);
/*->*/	trans[0][263]	= settr(262,32,331,142,142,"D_STEP83", 1, 2, 0);
	trans[0][265]	= settr(264,0,331,1,0,"goto restart", 0, 2, 0);
/*->*/	trans[0][279]	= settr(278,32,299,143,143,"D_STEP264", 1, 2, 0);
	T = trans[ 0][299] = settr(298,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(298,0,297,0,0,"sub-sequence", 0, 2, 0);
	T = trans[0][297] = settr(296,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(296,0,280,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(296,0,281,0,0,"IF", 0, 2, 0);
	trans[0][280]	= settr(279,0,304,1,0,"(1)", 0, 2, 0);
	trans[0][298]	= settr(297,0,304,1,0,".(goto)", 0, 2, 0);
	trans[0][281]	= settr(280,0,295,144,0,"(((nr_deaths<2)&&!(at_rest)))", 1, 2, 0);
	T = trans[ 0][295] = settr(294,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(294,0,294,0,0,"sub-sequence", 0, 2, 0);
/*->*/	trans[0][294]	= settr(293,32,331,145,145,"D_STEP83", 1, 2, 0);
	trans[0][296]	= settr(295,0,331,1,0,"goto restart", 0, 2, 0);
/*->*/	trans[0][304]	= settr(303,32,310,146,146,"D_STEP278", 1, 2, 0);
	T = trans[ 0][310] = settr(309,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(309,0,308,0,0,"sub-sequence", 0, 2, 0);
	T = trans[0][308] = settr(307,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(307,0,305,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(307,0,307,0,0,"IF", 0, 2, 0);
	trans[0][305]	= settr(304,0,306,147,0,"(nfull(reply))", 1, 4, 0);
	trans[0][306]	= settr(305,0,58,148,148,"reply!i,9,12,0,0", 1, 4, 0);
	trans[0][309]	= settr(308,0,58,1,0,".(goto)", 0, 2, 0);
	trans[0][307]	= settr(306,0,58,149,0,"(!(at_rest))", 1, 2, 0);
	trans[0][311]	= settr(310,0,58,1,0,"goto idle", 0, 2, 0);
	trans[0][312]	= settr(311,0,319,1,0,"(1)", 0, 2, 0);
/*->*/	trans[0][319]	= settr(318,32,325,150,150,"D_STEP289", 1, 2, 0);
	T = trans[ 0][325] = settr(324,0,0,0,0,"sub-sequence", 0, 2, 0);
	T->nxt	= settr(324,0,323,0,0,"sub-sequence", 0, 2, 0);
	T = trans[0][323] = settr(322,0,0,0,0,"IF", 0, 2, 0);
	T = T->nxt	= settr(322,0,320,0,0,"IF", 0, 2, 0);
	    T->nxt	= settr(322,0,322,0,0,"IF", 0, 2, 0);
	trans[0][320]	= settr(319,0,321,151,0,"(nfull(reply))", 1, 4, 0);
	trans[0][321]	= settr(320,0,58,152,152,"reply!i,9,11,0,0", 1, 4, 0);
	trans[0][324]	= settr(323,0,58,1,0,".(goto)", 0, 2, 0);
	trans[0][322]	= settr(321,0,58,153,0,"(!(at_rest))", 1, 2, 0);
	trans[0][326]	= settr(325,0,58,1,0,"goto idle", 0, 2, 0);
	trans[0][332]	= settr(331,0,331,1,0,".(goto)", 0, 2, 0);
	T = trans[0][331] = settr(330,0,0,0,0,"DO", 0, 2, 0);
	T = T->nxt	= settr(330,0,327,0,0,"DO", 0, 2, 0);
	    T->nxt	= settr(330,0,328,0,0,"DO", 0, 2, 0);
	trans[0][327]	= settr(326,0,331,154,154,"request[i]?_,_,_", 1, 503, 0);
	trans[0][328]	= settr(327,0,329,155,0,"(empty(request[i]))", 1, 1003, 0);
	trans[0][329]	= settr(328,0,58,156,156,"state[i] = inactive", 1, 2, 0);
	trans[0][330]	= settr(329,0,58,1,0,"goto idle", 0, 2, 0);
	trans[0][333]	= settr(332,0,334,1,0,"break", 0, 2, 0);
	trans[0][334]	= settr(333,0,0,157,157,"-end-", 0, 3500, 0);
	/* np_ demon: */
	trans[_NP_] = (Trans **) emalloc(3*sizeof(Trans *));
	T = trans[_NP_][0] = settr(9997,0,1,_T5,0,"(np_)", 1,2,0);
	    T->nxt	  = settr(9998,0,0,_T2,0,"(1)",   0,2,0);
	T = trans[_NP_][1] = settr(9999,0,1,_T5,0,"(np_)", 1,2,0);
}

Trans *
settr(	int t_id, int a, int b, int c, int d,
	char *t, int g, int tpe0, int tpe1)
{	Trans *tmp = (Trans *) emalloc(sizeof(Trans));

	tmp->atom  = a&(6|32);	/* only (2|8|32) have meaning */
	if (!g) tmp->atom |= 8;	/* no global references */
	tmp->st    = b;
	tmp->tpe[0] = tpe0;
	tmp->tpe[1] = tpe1;
	tmp->tp    = t;
	tmp->t_id  = t_id;
	tmp->forw  = c;
	tmp->back  = d;
	return tmp;
}

Trans *
cpytr(Trans *a)
{	Trans *tmp = (Trans *) emalloc(sizeof(Trans));

	int i;
	tmp->atom  = a->atom;
	tmp->st    = a->st;
#ifdef HAS_UNLESS
	tmp->e_trans = a->e_trans;
	for (i = 0; i < HAS_UNLESS; i++)
		tmp->escp[i] = a->escp[i];
#endif
	tmp->tpe[0] = a->tpe[0];
	tmp->tpe[1] = a->tpe[1];
	for (i = 0; i < 6; i++)
	{	tmp->qu[i] = a->qu[i];
		tmp->ty[i] = a->ty[i];
	}
	tmp->tp    = (char *) emalloc(strlen(a->tp)+1);
	strcpy(tmp->tp, a->tp);
	tmp->t_id  = a->t_id;
	tmp->forw  = a->forw;
	tmp->back  = a->back;
	return tmp;
}

#ifndef NOREDUCE
int
srinc_set(int n)
{	if (n <= 2) return LOCAL;
	if (n <= 2+  DELTA) return Q_FULL_F; /* 's' or nfull  */
	if (n <= 2+2*DELTA) return Q_EMPT_F; /* 'r' or nempty */
	if (n <= 2+3*DELTA) return Q_EMPT_T; /* empty */
	if (n <= 2+4*DELTA) return Q_FULL_T; /* full  */
	if (n ==   5*DELTA) return GLOBAL;
	if (n ==   6*DELTA) return TIMEOUT_F;
	if (n ==   7*DELTA) return ALPHA_F;
	Uerror("cannot happen srinc_class");
	return BAD;
}
int
srunc(int n, int m)
{	switch(m) {
	case Q_FULL_F: return n-2;
	case Q_EMPT_F: return n-2-DELTA;
	case Q_EMPT_T: return n-2-2*DELTA;
	case Q_FULL_T: return n-2-3*DELTA;
	case ALPHA_F:
	case TIMEOUT_F: return 257; /* non-zero, and > MAXQ */
	}
	Uerror("cannot happen srunc");
	return 0;
}
#endif
int cnt;
#ifdef HAS_UNLESS
int
isthere(Trans *a, int b)
{	Trans *t;
	for (t = a; t; t = t->nxt)
		if (t->t_id == b)
			return 1;
	return 0;
}
#endif
#ifndef NOREDUCE
int
mark_safety(Trans *t) /* for conditional safety */
{	int g = 0, i, j, k;

	if (!t) return 0;
	if (t->qu[0])
		return (t->qu[1])?2:1;	/* marked */

	for (i = 0; i < 2; i++)
	{	j = srinc_set(t->tpe[i]);
		if (j >= GLOBAL && j != ALPHA_F)
			return -1;
		if (j != LOCAL)
		{	k = srunc(t->tpe[i], j);
			if (g == 0
			||  t->qu[0] != k
			||  t->ty[0] != j)
			{	t->qu[g] = k;
				t->ty[g] = j;
				g++;
	}	}	}
	return g;
}
#endif
void
retrans(int n, int m, int is, short srcln[], uchar reach[], uchar lpstate[])
	/* process n, with m states, is=initial state */
{	Trans *T0, *T1, *T2, *T3;
	Trans *T4, *T5; /* t_reverse or has_unless */
	int i;
#if defined(HAS_UNLESS) || !defined(NOREDUCE)
	int k;
#endif
#ifndef NOREDUCE
	int g, h, j, aa;
#endif
#ifdef HAS_UNLESS
	int p;
#endif
	if (state_tables >= 4)
	{	printf("STEP 1 %s\n", 
			procname[n]);
		for (i = 1; i < m; i++)
		for (T0 = trans[n][i]; T0; T0 = T0->nxt)
			crack(n, i, T0, srcln);
		return;
	}
	do {
		for (i = 1, cnt = 0; i < m; i++)
		{	T2 = trans[n][i];
			T1 = T2?T2->nxt:(Trans *)0;
/* prescan: */		for (T0 = T1; T0; T0 = T0->nxt)
/* choice in choice */	{	if (T0->st && trans[n][T0->st]
				&&  trans[n][T0->st]->nxt)
					break;
			}
#if 0
		if (T0)
		printf("\tstate %d / %d: choice in choice\n",
		i, T0->st);
#endif
			if (T0)
			for (T0 = T1; T0; T0 = T0->nxt)
			{	T3 = trans[n][T0->st];
				if (!T3->nxt)
				{	T2->nxt = cpytr(T0);
					T2 = T2->nxt;
					imed(T2, T0->st, n, i);
					continue;
				}
				do {	T3 = T3->nxt;
					T2->nxt = cpytr(T3);
					T2 = T2->nxt;
					imed(T2, T0->st, n, i);
				} while (T3->nxt);
				cnt++;
			}
		}
	} while (cnt);
	if (state_tables >= 3)
	{	printf("STEP 2 %s\n", 
			procname[n]);
		for (i = 1; i < m; i++)
		for (T0 = trans[n][i]; T0; T0 = T0->nxt)
			crack(n, i, T0, srcln);
		return;
	}
	for (i = 1; i < m; i++)
	{	if (trans[n][i] && trans[n][i]->nxt) /* optimize */
		{	T1 = trans[n][i]->nxt;
#if 0
			printf("\t\tpull %d (%d) to %d\n",
			T1->st, T1->forw, i);
#endif
			srcln[i] = srcln[T1->st];	/* Oyvind Teig, 5.2.0 */

			if (!trans[n][T1->st]) continue;
			T0 = cpytr(trans[n][T1->st]);
			trans[n][i] = T0;
			reach[T1->st] = 1;
			imed(T0, T1->st, n, i);
			for (T1 = T1->nxt; T1; T1 = T1->nxt)
			{
#if 0
			printf("\t\tpull %d (%d) to %d\n",
				T1->st, T1->forw, i);
#endif
		/*		srcln[i] = srcln[T1->st];  gh: not useful */
				if (!trans[n][T1->st]) continue;
				T0->nxt = cpytr(trans[n][T1->st]);
				T0 = T0->nxt;
				reach[T1->st] = 1;
				imed(T0, T1->st, n, i);
	}	}	}
	if (state_tables >= 2)
	{	printf("STEP 3 %s\n", 
			procname[n]);
		for (i = 1; i < m; i++)
		for (T0 = trans[n][i]; T0; T0 = T0->nxt)
			crack(n, i, T0, srcln);
		return;
	}
#ifdef HAS_UNLESS
	for (i = 1; i < m; i++)
	{	if (!trans[n][i]) continue;
		/* check for each state i if an
		 * escape to some state p is defined
		 * if so, copy and mark p's transitions
		 * and prepend them to the transition-
		 * list of state i
		 */
	 if (!like_java) /* the default */
	 {	for (T0 = trans[n][i]; T0; T0 = T0->nxt)
		for (k = HAS_UNLESS-1; k >= 0; k--)
		{	if (p = T0->escp[k])
			for (T1 = trans[n][p]; T1; T1 = T1->nxt)
			{	if (isthere(trans[n][i], T1->t_id))
					continue;
				T2 = cpytr(T1);
				T2->e_trans = p;
				T2->nxt = trans[n][i];
				trans[n][i] = T2;
		}	}
	 } else /* outermost unless checked first */
	 {	T4 = T3 = (Trans *) 0;
		for (T0 = trans[n][i]; T0; T0 = T0->nxt)
		for (k = HAS_UNLESS-1; k >= 0; k--)
		{	if (p = T0->escp[k])
			for (T1 = trans[n][p]; T1; T1 = T1->nxt)
			{	if (isthere(trans[n][i], T1->t_id))
					continue;
				T2 = cpytr(T1);
				T2->nxt = (Trans *) 0;
				T2->e_trans = p;
				if (T3)	T3->nxt = T2;
				else	T4 = T2;
				T3 = T2;
		}	}
		if (T4)
		{	T3->nxt = trans[n][i];
			trans[n][i] = T4;
		}
	 }
	}
#endif
#ifndef NOREDUCE
	for (i = 1; i < m; i++)
	{	if (a_cycles)
		{ /* moves through these states are visible */
	#if PROG_LAB>0 && defined(HAS_NP)
			if (progstate[n][i])
				goto degrade;
			for (T1 = trans[n][i]; T1; T1 = T1->nxt)
				if (progstate[n][T1->st])
					goto degrade;
	#endif
			if (accpstate[n][i] || visstate[n][i])
				goto degrade;
			for (T1 = trans[n][i]; T1; T1 = T1->nxt)
				if (accpstate[n][T1->st])
					goto degrade;
		}
		T1 = trans[n][i];
		if (!T1) continue;
		g = mark_safety(T1);	/* V3.3.1 */
		if (g < 0) goto degrade; /* global */
		/* check if mixing of guards preserves reduction */
		if (T1->nxt)
		{	k = 0;
			for (T0 = T1; T0; T0 = T0->nxt)
			{	if (!(T0->atom&8))
					goto degrade;
				for (aa = 0; aa < 2; aa++)
				{	j = srinc_set(T0->tpe[aa]);
					if (j >= GLOBAL && j != ALPHA_F)
						goto degrade;
					if (T0->tpe[aa]
					&&  T0->tpe[aa]
					!=  T1->tpe[0])
						k = 1;
			}	}
			/* g = 0;	V3.3.1 */
			if (k)	/* non-uniform selection */
			for (T0 = T1; T0; T0 = T0->nxt)
			for (aa = 0; aa < 2; aa++)
			{	j = srinc_set(T0->tpe[aa]);
				if (j != LOCAL)
				{	k = srunc(T0->tpe[aa], j);
					for (h = 0; h < 6; h++)
						if (T1->qu[h] == k
						&&  T1->ty[h] == j)
							break;
					if (h >= 6)
					{	T1->qu[g%6] = k;
						T1->ty[g%6] = j;
						g++;
			}	}	}
			if (g > 6)
			{	T1->qu[0] = 0;	/* turn it off */
				printf("pan: warning, line %d, ",
					srcln[i]);
			 	printf("too many stmnt types (%d)",
					g);
			  	printf(" in selection\n");
			  goto degrade;
			}
		}
		/* mark all options global if >=1 is global */
		for (T1 = trans[n][i]; T1; T1 = T1->nxt)
			if (!(T1->atom&8)) break;
		if (T1)
degrade:	for (T1 = trans[n][i]; T1; T1 = T1->nxt)
			T1->atom &= ~8;	/* mark as unsafe */
		/* can only mix 'r's or 's's if on same chan */
		/* and not mixed with other local operations */
		T1 = trans[n][i];
		if (!T1 || T1->qu[0]) continue;
		j = T1->tpe[0];
		if (T1->nxt && T1->atom&8)
		{ if (j == 5*DELTA)
		  {	printf("warning: line %d ", srcln[i]);
			printf("mixed condition ");
			printf("(defeats reduction)\n");
			goto degrade;
		  }
		  for (T0 = T1; T0; T0 = T0->nxt)
		  for (aa = 0; aa < 2; aa++)
		  if  (T0->tpe[aa] && T0->tpe[aa] != j)
		  {	printf("warning: line %d ", srcln[i]);
			printf("[%d-%d] mixed %stion ",
				T0->tpe[aa], j, 
				(j==5*DELTA)?"condi":"selec");
			printf("(defeats reduction)\n");
			printf("	'%s' <-> '%s'\n",
				T1->tp, T0->tp);
			goto degrade;
		} }
	}
#endif
	for (i = 1; i < m; i++)
	{	T2 = trans[n][i];
		if (!T2
		||  T2->nxt
		||  strncmp(T2->tp, ".(goto)", 7)
		||  !stopstate[n][i])
			continue;
		stopstate[n][T2->st] = 1;
	}
	if (state_tables && !verbose)
	{	if (dodot)
		{	char buf[256], *q = buf, *p = procname[n];
			while (*p != '\0')
			{	if (*p != ':')
				{	*q++ = *p;
				}
				p++;
			}
			*q = '\0';
			printf("digraph ");
			switch (Btypes[n]) {
			case I_PROC:  printf("init {\n"); break;
			case N_CLAIM: printf("claim_%s {\n", buf); break;
			case E_TRACE: printf("notrace {\n"); break;
			case N_TRACE: printf("trace {\n"); break;
			default:      printf("p_%s {\n", buf); break;
			}
			printf("size=\"8,10\";\n");
			printf("  GT [shape=box,style=dotted,label=\"%s\"];\n", buf);
			printf("  GT -> S%d;\n", is);
		} else
		{	switch (Btypes[n]) {
			case I_PROC:  printf("init\n"); break;
			case N_CLAIM: printf("claim %s\n", procname[n]); break;
			case E_TRACE: printf("notrace assertion\n"); break;
			case N_TRACE: printf("trace assertion\n"); break;
			default:      printf("proctype %s\n", procname[n]); break;
		}	}
		for (i = 1; i < m; i++)
		{	reach[i] = 1;
		}
		tagtable(n, m, is, srcln, reach);
		if (dodot) printf("}\n");
	} else
	for (i = 1; i < m; i++)
	{	int nrelse;
		if (Btypes[n] != N_CLAIM)
		{	for (T0 = trans[n][i]; T0; T0 = T0->nxt)
			{	if (T0->st == i
				&& strcmp(T0->tp, "(1)") == 0)
				{	printf("error: proctype '%s' ",
						procname[n]);
		  			printf("line %d, state %d: has un",
						srcln[i], i);
					printf("conditional self-loop\n");
					pan_exit(1);
		}	}	}
		nrelse = 0;
		for (T0 = trans[n][i]; T0; T0 = T0->nxt)
		{	if (strcmp(T0->tp, "else") == 0)
				nrelse++;
		}
		if (nrelse > 1)
		{	printf("error: proctype '%s' state",
				procname[n]);
		  	printf(" %d, inherits %d", i, nrelse);
		  	printf(" 'else' stmnts\n");
			pan_exit(1);
	}	}
#if !defined(LOOPSTATE) && !defined(BFS_PAR)
	if (state_tables)
#endif
	do_dfs(n, m, is, srcln, reach, lpstate);

	if (!t_reverse)
	{	return;
	}
	/* process n, with m states, is=initial state -- reverse list */
	if (!state_tables && Btypes[n] != N_CLAIM)
	{	for (i = 1; i < m; i++)
		{	Trans *Tx = (Trans *) 0; /* list of escapes */
			Trans *Ty = (Trans *) 0; /* its tail element */
			T1 = (Trans *) 0; /* reversed list */
			T2 = (Trans *) 0; /* its tail */
			T3 = (Trans *) 0; /* remembers possible 'else' */

			/* find unless-escapes, they should go first */
			T4 = T5 = T0 = trans[n][i];
	#ifdef HAS_UNLESS
			while (T4 && T4->e_trans) /* escapes are first in orig list */
			{	T5 = T4;	  /* remember predecessor */
				T4 = T4->nxt;
			}
	#endif
			/* T4 points to first non-escape, T5 to its parent, T0 to original list */
			if (T4 != T0)		 /* there was at least one escape */
			{	T3 = T5->nxt;		 /* start of non-escapes */
				T5->nxt = (Trans *) 0;	 /* separate */
				Tx = T0;		 /* start of the escapes */
				Ty = T5;		 /* its tail */
				T0 = T3;		 /* the rest, to be reversed */
			}
			/* T0 points to first non-escape, Tx to the list of escapes, Ty to its tail */

			/* first tail-add non-escape transitions, reversed */
			T3 = (Trans *) 0;
			for (T5 = T0; T5; T5 = T4)
			{	T4 = T5->nxt;
	#ifdef HAS_UNLESS
				if (T5->e_trans)
				{	printf("error: cannot happen!\n");
					continue;
				}
	#endif
				if (strcmp(T5->tp, "else") == 0)
				{	T3 = T5;
					T5->nxt = (Trans *) 0;
				} else
				{	T5->nxt = T1;
					if (!T1) { T2 = T5; }
					T1 = T5;
			}	}
			/* T3 points to a possible else, which is removed from the list */
			/* T1 points to the reversed list so far (without escapes) */
			/* T2 points to the tail element -- where the else should go */
			if (T2 && T3)
			{	T2->nxt = T3;	/* add else */
			} else
			{	if (T3) /* there was an else, but there's no tail */
				{	if (!T1)	/* and no reversed list */
					{	T1 = T3; /* odd, but possible */
					} else		/* even stranger */
					{	T1->nxt = T3;
			}	}	}

			/* add in the escapes, to that they appear at the front */
			if (Tx && Ty) { Ty->nxt = T1; T1 = Tx; }

			trans[n][i] = T1;
			/* reversed, with escapes first and else last */
	}	}
	if (state_tables && verbose)
	{	printf("FINAL proctype %s\n", 
			procname[n]);
		for (i = 1; i < m; i++)
		for (T0 = trans[n][i]; T0; T0 = T0->nxt)
			crack(n, i, T0, srcln);
	}
}
void
imed(Trans *T, int v, int n, int j)	/* set intermediate state */
{	progstate[n][T->st] |= progstate[n][v];
	accpstate[n][T->st] |= accpstate[n][v];
	stopstate[n][T->st] |= stopstate[n][v];
	mapstate[n][j] = T->st;
}
void
tagtable(int n, int m, int is, short srcln[], uchar reach[])
{	Trans *z;

	if (is >= m || !trans[n][is]
	||  is <= 0 || reach[is] == 0)
		return;
	reach[is] = 0;
	if (state_tables)
	for (z = trans[n][is]; z; z = z->nxt)
	{	if (dodot)
			dot_crack(n, is, z);
		else
			crack(n, is, z, srcln);
	}

	for (z = trans[n][is]; z; z = z->nxt)
	{
#ifdef HAS_UNLESS
		int i, j;
#endif
		tagtable(n, m, z->st, srcln, reach);
#ifdef HAS_UNLESS
		for (i = 0; i < HAS_UNLESS; i++)
		{	j = trans[n][is]->escp[i];
			if (!j) break;
			tagtable(n, m, j, srcln, reach);
		}
#endif
	}
}

extern Trans *t_id_lkup[];

void
dfs_table(int n, int m, int is, short srcln[], uchar reach[], uchar lpstate[])
{	Trans *z;

	if (is >= m || is <= 0 || !trans[n][is])
		return;
	if ((reach[is] & (4|8|16)) != 0)
	{	if ((reach[is] & (8|16)) == 16)	/* on stack, not yet recorded */
		{	lpstate[is] = 1;
			reach[is] |= 8; /* recorded */
			if (state_tables && verbose)
			{	printf("state %d line %d is a loopstate\n", is, srcln[is]);
		}	}
		return;
	}
	reach[is] |= (4|16);	/* visited | onstack */
	for (z = trans[n][is]; z; z = z->nxt)
	{	t_id_lkup[z->t_id] = z;
#ifdef HAS_UNLESS
		int i, j;
#endif
		dfs_table(n, m, z->st, srcln, reach, lpstate);
#ifdef HAS_UNLESS
		for (i = 0; i < HAS_UNLESS; i++)
		{	j = trans[n][is]->escp[i];
			if (!j) break;
			dfs_table(n, m, j, srcln, reach, lpstate);
		}
#endif
	}
	reach[is] &= ~16; /* no longer on stack */
}
void
do_dfs(int n, int m, int is, short srcln[], uchar reach[], uchar lpstate[])
{	int i;
	dfs_table(n, m, is, srcln, reach, lpstate);
	for (i = 0; i < m; i++)
		reach[i] &= ~(4|8|16);
}
void
crack(int n, int j, Trans *z, short srcln[])
{	int i;

	if (!z) return;
	printf("	state %3d -(tr %3d)-> state %3d  ",
		j, z->forw, z->st);
	printf("[id %3d tp %3d", z->t_id, z->tpe[0]);
	if (z->tpe[1]) printf(",%d", z->tpe[1]);
#ifdef HAS_UNLESS
	if (z->e_trans)
		printf(" org %3d", z->e_trans);
	else if (state_tables >= 2)
	for (i = 0; i < HAS_UNLESS; i++)
	{	if (!z->escp[i]) break;
		printf(" esc %d", z->escp[i]);
	}
#endif
	printf("]");
	printf(" [%s%s%s%s%s] %s:%d => ",
		z->atom&6?"A":z->atom&32?"D":"-",
		accpstate[n][j]?"a" :"-",
		stopstate[n][j]?"e" : "-",
		progstate[n][j]?"p" : "-",
		z->atom & 8 ?"L":"G",
		PanSource, srcln[j]);
	for (i = 0; z->tp[i]; i++)
		if (z->tp[i] == '\n')
			printf("\\n");
		else
			putchar(z->tp[i]);
	if (verbose && z->qu[0])
	{	printf("\t[");
		for (i = 0; i < 6; i++)
			if (z->qu[i])
				printf("(%d,%d)",
				z->qu[i], z->ty[i]);
		printf("]");
	}
	printf("\n");
	fflush(stdout);
}
/* spin -a m.pml; cc -o pan pan.c; ./pan -D | dot -Tps > foo.ps; ps2pdf foo.ps */
void
dot_crack(int n, int j, Trans *z)
{	int i;

	if (!z) return;
	printf("	S%d -> S%d  [color=black", j, z->st);

	if (z->atom&6) printf(",style=dashed");
	else if (z->atom&32) printf(",style=dotted");
	else if (z->atom&8) printf(",style=solid");
	else printf(",style=bold");

	printf(",label=\"");
	for (i = 0; z->tp[i]; i++)
	{	if (z->tp[i] == '\\'
		&&  z->tp[i+1] == 'n')
		{	i++; printf(" ");
		} else
		{	putchar(z->tp[i]);
	}	}
	printf("\"];\n");
	if (accpstate[n][j]) printf("  S%d [color=red,style=bold];\n", j);
	else if (progstate[n][j]) printf("  S%d [color=green,style=bold];\n", j);
	if (stopstate[n][j]) printf("  S%d [color=blue,style=bold,shape=box];\n", j);
}

#ifdef VAR_RANGES
#define BYTESIZE	32	/* 2^8 : 2^3 = 256:8 = 32 */

typedef struct Vr_Ptr {
	char	*nm;
	uchar	vals[BYTESIZE];
	struct Vr_Ptr *nxt;
} Vr_Ptr;
Vr_Ptr *ranges = (Vr_Ptr *) 0;

void
logval(char *s, int v)
{	Vr_Ptr *tmp;

	if (v<0 || v > 255) return;
	for (tmp = ranges; tmp; tmp = tmp->nxt)
		if (!strcmp(tmp->nm, s))
			goto found;
	tmp = (Vr_Ptr *) emalloc(sizeof(Vr_Ptr));
	tmp->nxt = ranges;
	ranges = tmp;
	tmp->nm = s;
found:
	tmp->vals[(v)/8] |= 1<<((v)%8);
}

void
dumpval(uchar X[], int range)
{	int w, x, i, j = -1;

	for (w = i = 0; w < range; w++)
	for (x = 0; x < 8; x++, i++)
	{
from:		if ((X[w] & (1<<x)))
		{	printf("%d", i);
			j = i;
			goto upto;
	}	}
	return;
	for (w = 0; w < range; w++)
	for (x = 0; x < 8; x++, i++)
	{
upto:		if (!(X[w] & (1<<x)))
		{	if (i-1 == j)
				printf(", ");
			else
				printf("-%d, ", i-1);
			goto from;
	}	}
	if (j >= 0 && j != 255)
		printf("-255");
}

void
dumpranges(void)
{	Vr_Ptr *tmp;
	printf("\nValues assigned within ");
	printf("interval [0..255]:\n");
	for (tmp = ranges; tmp; tmp = tmp->nxt)
	{	printf("\t%s\t: ", tmp->nm);
		dumpval(tmp->vals, BYTESIZE);
		printf("\n");
	}
}
#endif
